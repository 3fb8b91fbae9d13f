//! The IDs role: keys get numbers, and numbers are handed out in bulk.

mod floor;
mod names;
mod ttl;

use std::{num::NonZeroU64, ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;

pub use self::{
    floor::{CounterFloor, CounterFloors},
    names::{IdClass, IdKey, InvalidIdName, MAX_ID_CLASS_BYTES, MAX_ID_KEY_BYTES},
    ttl::{IdTtl, InvalidIdTtl, LONGEST_ID_TTL},
};
use super::{BackendError, BackendErrorKind, MAX_BATCH, Operation};

/// The most IDs that one [`reserve_ids`](IdBackend::reserve_ids) may take.
pub const MAX_RESERVATION: u64 = 1 << 20;

/// The greatest ID there is. A counter that has reached it gives no more.
pub const LARGEST_ID: u64 = i64::MAX as u64;

/// What a backend must do for unique IDs.
///
/// # Contract
/// A class has a counter and a mapping from keys to IDs. The counter stands at the last ID that was given, at 0 in the
/// beginning, and never goes down. A mapping is true as long as it is there: whoever else writes to the store, the next
/// call sees it.
///
/// Each operation is one step, which happens as a whole or not at all; only
/// [`find_ids`](Self::find_ids), [`find_keys`](Self::find_keys), [`offer_ids`](Self::offer_ids) and a
/// [`forget_ids`](Self::forget_ids) without the reverse treat one item after the other. A call takes at most
/// [`MAX_BATCH`] items and answers in their order; an item may stand there twice. A call without items has no effect, and
/// says of the counter what its caller has seen.
///
/// A *floor* is where the caller has seen the counter stand. A counter found below it has been lost, by a flush or a
/// failover to a replica that was behind: before anything else the operation lifts it to the floor. The answer tells
/// where the counter stood.
///
/// # Errors
/// [`BackendError`]. When a mapping or a counter holds something other than an ID, [`Corrupt`](BackendErrorKind::Corrupt)
/// or [`WrongType`](BackendErrorKind::WrongType); when the counter has no room,
/// [`Exhausted`](BackendErrorKind::Exhausted); when there are too many items,
/// [`TooLarge`](BackendErrorKind::TooLarge). In all of these cases nothing was written and no ID was used up, unless the
/// error says that the call may have been applied, to other items. Repeating a call that [may have been applied](BackendError::is_maybe_applied) does no harm; IDs that were reserved by a call
/// whose reply was lost are given to nobody.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
///
/// # Examples
/// ```
/// use redis_ext::{IdClass, backend::{IdBackend, IdKey, IdRules}};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, users) = (MemoryBackend::new(), IdClass::from_static("user"));
/// let keys = [IdKey::new("ada")?, IdKey::new("bob")?, IdKey::new("ada")?];
/// let assigned = backend.assign_ids(&users, &keys, IdRules::default(), 0).await?;
/// assert_eq!((assigned.ids.as_slice(), assigned.counter.after), (&[1, 2, 1][..], 2));
/// assert_eq!(backend.find_ids(&users, &keys[1..2]).await?, [Some(2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
// Not in tests: mockall would copy it to a place where it makes no sense.
#[cfg_attr(
    not(test),
    diagnostic::on_unimplemented(
        message = "`{Self}` is not a backend",
        label = "not a backend that gives IDs",
        note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
        note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
    )
)]
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait IdBackend: Send + Sync + 'static {
    /// Gives each key its ID: the one that it has, or else the next one of the counter. IDs are dense: a call uses up as
    /// many as there are keys without one.
    async fn assign_ids(
        &self,
        class: &IdClass,
        keys: &[IdKey],
        rules: IdRules,
        floor: u64,
    ) -> Result<Assigned, BackendError>;

    /// The IDs that keys have; nothing is made, and nothing lives longer for being looked at.
    async fn find_ids(&self, class: &IdClass, keys: &[IdKey]) -> Result<Vec<Option<u64>>, BackendError>;

    /// Takes keys' IDs away; the answer is how many had one, whatever it was. The IDs are not given again.
    async fn forget_ids(&self, class: &IdClass, keys: &[IdKey], rules: IdRules) -> Result<usize, BackendError>;

    /// The keys that have these IDs, as far as they were assigned with [`reverse`](IdRules::reverse). An answer is true
    /// by the mapping: a key is given only if its ID is this one.
    async fn find_keys(&self, class: &IdClass, ids: &[u64]) -> Result<Vec<Option<IdKey>>, BackendError>;

    /// Takes the counter's next `count` IDs, at most [`MAX_RESERVATION`], for nobody in particular.
    async fn reserve_ids(&self, class: &IdClass, count: NonZeroU64, floor: u64) -> Result<Reserved, BackendError>;

    /// Gives each key the ID that is offered to it, unless it has one; the answers are the IDs that the keys then have.
    /// Each offer touches the key's mapping alone, so a store may keep mappings and counter on different servers.
    async fn offer_ids(&self, class: &IdClass, offers: &[IdOffer], ttl: IdTtl) -> Result<Vec<u64>, BackendError>;

    /// What this process has seen of the counter of `class`: the same one for all clones of a backend, so that all its
    /// users share it. See [`CounterFloors`].
    fn counter_floor(&self, class: &IdClass) -> Arc<CounterFloor>;
}

/// How the mappings of a class are kept.
///
/// # Examples
/// See [`IdBackend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdRules {
    /// How long they live.
    pub ttl: IdTtl,
    /// Whether keys can be found by their IDs.
    pub reverse: bool,
}

/// Where the counter stood before a call and after it.
///
/// # Examples
/// See [`IdBackend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterMove {
    /// Before it was lifted to the floor, too.
    pub before: u64,
    /// At the last ID that anyone was given.
    pub after: u64,
}

/// What [`assign_ids`](IdBackend::assign_ids) answers.
///
/// # Examples
/// See [`IdBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The ID of each key, in the order of the keys.
    pub ids: Vec<u64>,
    /// What became of the counter.
    pub counter: CounterMove,
}

impl Assigned {
    /// The answer to a call without keys; for backends.
    #[must_use]
    pub fn nothing(floor: u64) -> Self {
        Self { ids: Vec::new(), counter: CounterMove { before: floor, after: floor } }
    }
}

/// What [`reserve_ids`](IdBackend::reserve_ids) answers.
///
/// # Examples
/// See [`IdBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The IDs that belong to the caller.
    pub ids: RangeInclusive<u64>,
    /// What became of the counter.
    pub counter: CounterMove,
}

/// An ID for a key that may have none.
///
/// # Examples
/// See [`IdBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdOffer {
    /// The key.
    pub key: IdKey,
    /// The ID for it.
    pub id: u64,
}

/// Refuses a call of more than [`MAX_BATCH`] items; for backends.
///
/// # Errors
/// [`TooLarge`](BackendErrorKind::TooLarge).
///
/// # Examples
/// ```
/// use redis_ext::{BackendErrorKind, backend::{MAX_BATCH, Operation, check_id_batch}};
///
/// assert!(check_id_batch(Operation::AssignIds, MAX_BATCH).is_ok());
/// let error = check_id_batch(Operation::AssignIds, MAX_BATCH + 1).unwrap_err();
/// assert_eq!(error.kind(), BackendErrorKind::TooLarge);
/// ```
pub fn check_id_batch(operation: Operation, items: usize) -> Result<(), BackendError> {
    if items <= MAX_BATCH {
        return Ok(());
    }
    let source = format!("{items} items are too many for one call, which takes {MAX_BATCH}");
    Err(BackendError::new(BackendErrorKind::TooLarge, operation).with_source(source))
}

/// Refuses a reservation of more than [`MAX_RESERVATION`] IDs; for backends.
///
/// # Errors
/// [`TooLarge`](BackendErrorKind::TooLarge).
///
/// # Examples
/// ```
/// use std::num::NonZeroU64;
/// use redis_ext::backend::check_reservation;
///
/// assert!(check_reservation(NonZeroU64::MIN).is_ok());
/// assert!(check_reservation(NonZeroU64::MAX).is_err());
/// ```
pub fn check_reservation(count: NonZeroU64) -> Result<(), BackendError> {
    if count.get() <= MAX_RESERVATION {
        return Ok(());
    }
    let source = format!("{count} IDs are too many for one call, which reserves {MAX_RESERVATION}");
    Err(BackendError::new(BackendErrorKind::TooLarge, Operation::ReserveIds).with_source(source))
}
