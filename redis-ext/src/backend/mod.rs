//! What a store must do for redis-ext, and the stores that do it.
//!
//! A [`Backend`] is the sum of roles, one role a component. A role's operations are the verbs of the component's life,
//! never commands of a store, and each carries many items a call:
//!
//! | role | serves | operations |
//! |---|---|---|
//! | [`TaskBackend`] | [`WorkerSupervisor`](crate::WorkerSupervisor), [`Enqueue`](crate::Enqueue) | enqueue, schedule, promote, join, renew, leave, claim, settle, cancel, recover, dead letters, inspect, pause |
//! | [`EffectBackend`] | [`Task::once`](crate::Task::once) | begin, finish |
//! | [`IdBackend`] | [`UniqueId`](crate::UniqueId) | assign, find, forget, reserve, offer |
//! | [`DebounceBackend`] | [`Debouncer`](crate::Debouncer), [`DebounceScheduler`](crate::DebounceScheduler) | trigger, cancel, claim, renew, settle, recover, peek, quarantine, inspect, clear, watch |
//! | [`SetBackend`] | [`FastSet`](crate::FastSet) | state, scan, copy, change, contains, watch |
//!
//! What passes between this library and a backend is written down field by field, and these types may be taken apart and put
//! together by both: should a release bring one more field, a backend that knows nothing of it does not compile, instead of
//! breaking a promise. What users set, such as [`Page`], [`Recovery`] and [`Retention`], is `#[non_exhaustive]`.
//!
//! Time is the backend's: no clock of a client decides what is due or whose lease has expired.

mod debounce;
mod effects;
mod error;
mod ids;
mod set;
mod shared;
mod tasks;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "redis")]
pub(crate) mod redis;

#[cfg(test)]
pub(crate) use debounce::MockDebounceBackend;
pub use debounce::{
    ClaimId, ClaimedFirings, DebounceBackend, DebounceKey, DebounceStats, Firing, FiringClaim, FiringOutcome,
    FiringSettled, FiringSettlement, InvalidDebounceKey, MAX_DEBOUNCE_KEY_BYTES, MAX_QUARANTINED, PayloadRule,
    Quarantined, RecoveredFirings, Repeat, Trigger, TriggerRules, Triggered, Waker, Wakes,
};
pub use effects::{EffectBackend, EffectKey, EffectState};
pub use error::{BackendError, BackendErrorKind, Operation};
#[cfg(test)]
pub(crate) use ids::MockIdBackend;
pub use ids::{
    Assigned, CounterFloor, CounterFloors, CounterMove, IdBackend, IdClass, IdKey, IdOffer, IdRules, IdTtl,
    InvalidIdName, InvalidIdTtl, LARGEST_ID, LONGEST_ID_TTL, MAX_ID_CLASS_BYTES, MAX_ID_KEY_BYTES, MAX_RESERVATION,
    Reserved, check_id_batch, check_reservation,
};
pub use set::{
    ArmedState, ChangeId, DeltaMembers, InvalidSetName, MAX_SET_NAME_BYTES, SetBackend, SetChange, SetChanged, SetCopy,
    SetCursor, SetDelta, SetEdit, SetMark, SetName, SetNews, SetPage, SetState, SetWatch,
};
#[cfg(test)]
pub(crate) use set::{MockSetBackend, MockSetWatch};
#[cfg(test)]
pub(crate) use tasks::MockTaskBackend;
pub use tasks::{
    BatchId, CANCELLATION_RETENTION, Claim, Claimed, ClaimedBatch, Crashed, DEFAULT_MAX_ENTRY_BYTES, DeadLetter,
    DeadLetters, DeathReason, Disposition, Due, Enqueued, Lease, MAX_BATCH, NewTask, Page, Promoted, QueueStats,
    Receipt, Recovered, Recovery, Retention, Selection, Settlement, TaskBackend, UniqueLock,
};

pub use crate::task::{InvalidWorkerId, WorkerId};

/// A store for everything in this library.
///
/// It is implemented by implementing its roles. Users hold it as a value of its own, as `&dyn Backend`, or as
/// `Arc<dyn Backend>`, which is a backend too.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Email { to: String }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new()); // or RedisBackend::connect("redis://127.0.0.1/").await?
/// Email { to: "a@example.org".into() }.enqueue(&backend).await?;
/// assert_eq!(Queue::of::<Email>(&backend).stats().await?.ready, 1);
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a backend",
    label = "not a backend for everything",
    note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
    note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
)]
pub trait Backend: TaskBackend + EffectBackend + IdBackend + DebounceBackend + SetBackend {}

#[diagnostic::do_not_recommend]
impl<B: TaskBackend + EffectBackend + IdBackend + DebounceBackend + SetBackend + ?Sized> Backend for B {}
