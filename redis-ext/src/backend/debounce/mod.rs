//! The debounce role: firings that wait for their time under a key of their own, joined by what triggers them again.
//!
//! ```text
//!              trigger                  claim                settle
//! (nothing) ──────────▶ pending(member) ─────▶ active(member) ─────▶ done | a queue | quarantine
//!                        ▲  │ trigger: join, move, replace   │
//!                        └──┴──── return, lease expired ◀────┘
//! ```
//! A *member* is what triggers are told apart by: its bytes. There is at most one pending and one active firing of a
//! member. A pending one that becomes due while the same member is active waits until that one is settled, so triggers
//! during a run give exactly one more run.

mod firing;
mod key;
mod trigger;
mod wakes;

use std::time::Duration;

use async_trait::async_trait;

pub use firing::{
    ClaimId, ClaimedFirings, DebounceStats, Firing, FiringClaim, FiringOutcome, FiringSettled, FiringSettlement,
    Quarantined, RecoveredFirings,
};
pub use key::{DebounceKey, InvalidDebounceKey, MAX_DEBOUNCE_KEY_BYTES};
pub use trigger::{PayloadRule, Repeat, Trigger, TriggerRules, Triggered};
pub use wakes::{Waker, Wakes};

use super::{BackendError, Page};
use crate::task::Timestamp;

/// The most quarantined firings that are kept for one key; the oldest go first.
pub const MAX_QUARANTINED: usize = 10_000;

/// What a backend must do for debouncing.
///
/// # Contract
/// - A member is bytes, and so is a payload: nothing here reads them. A firing that was triggered without a payload
///   has none, as those that other programs add to the store have none.
/// - All triggers of one key follow the same rules, but for those that [replace](Repeat::Replace). Where they do not, nothing
///   is lost, but the bounds of bursts and payloads are kept only roughly.
/// - Slices hold at most [`MAX_BATCH`](super::MAX_BATCH) items; what happens to one of them happens in one step.
/// - A claim belongs to who named it, until its lease has expired and someone [recovered](Self::recover_firings) it.
///   From then on it settles nothing.
/// - After an error that [may have been applied](BackendError::is_maybe_applied), repeating the same call does no harm,
///   with one exception: a trigger that [resets](Repeat::Reset) counts twice.
///
/// # Errors
/// [`BackendError`], of any kind that fits; [`WrongType`](super::BackendErrorKind::WrongType) when the key is used for
/// something else, and then nothing is changed.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
///
/// # Examples
/// Two triggers, one firing:
/// ```
/// use std::time::Duration;
/// use redis_ext::backend::{
///     ClaimId, DebounceBackend, DebounceKey, Due, FiringClaim, FiringOutcome, FiringSettled, FiringSettlement, PayloadRule,
///     Repeat, Trigger, TriggerRules,
/// };
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, key) = (MemoryBackend::new(), DebounceKey::new("saves")?);
/// let rules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::Last };
/// let trigger = |text: &str| Trigger::new("document 1", Due::In(Duration::ZERO)).payload(text);
/// let answers = backend.trigger(&key, &[trigger("one"), trigger("one two")], &rules).await?;
/// assert!(answers[0].is_new() && !answers[1].is_new());
///
/// let claim = FiringClaim { id: ClaimId::random(), max: 10, lease: Duration::from_secs(5), early: false };
/// let firing = backend.claim_firings(&key, &claim).await?.firings.remove(0);
/// assert_eq!((firing.member.as_slice(), firing.payloads.len()), (&b"document 1"[..], 1));
///
/// let done = FiringSettlement { member: firing.member, outcome: FiringOutcome::Done };
/// assert_eq!(backend.settle_firings(&key, claim.id, &[done]).await?, [FiringSettled::Settled]);
/// assert_eq!(backend.inspect_debounce(&key).await?.pending, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
// Not in tests: mockall would copy it to a place where it makes no sense.
#[cfg_attr(
    not(test),
    diagnostic::on_unimplemented(
        message = "`{Self}` is not a backend",
        label = "not a backend that debounces",
        note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
        note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
    )
)]
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait DebounceBackend: Send + Sync + 'static {
    /// The time by the backend's clock, which decides what is due.
    async fn time(&self) -> Result<Timestamp, BackendError>;

    /// Makes members pending, or does with those that are what `rules` say; the answers are in the order of `triggers`.
    /// Everyone who [watches](Self::watch_firings) the key is woken when one of them is now the earliest.
    async fn trigger(
        &self,
        key: &DebounceKey,
        triggers: &[Trigger],
        rules: &TriggerRules,
    ) -> Result<Vec<Triggered>, BackendError>;

    /// When each of these members is due; `None` for those that are not pending.
    async fn due_times(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<Option<Timestamp>>, BackendError>;

    /// Forgets the pending firings of these members; the answers say which of them were pending. What is active goes on.
    async fn cancel_firings(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError>;

    /// Claims firings that are due, the earliest first. A repeated call with the same ID gives the firings of the first
    /// that are not settled.
    async fn claim_firings(&self, key: &DebounceKey, claim: &FiringClaim) -> Result<ClaimedFirings, BackendError>;

    /// Extends the leases of claims to `lease` from now; the answers say which of the claims are still there. One whose
    /// firings are all settled is not.
    async fn renew_firings(
        &self,
        key: &DebounceKey,
        claims: &[ClaimId],
        lease: Duration,
    ) -> Result<Vec<bool>, BackendError>;

    /// Applies what became of claimed firings, in the order of `settlements`. A firing that the claim does not hold (any
    /// more) is [`Gone`](FiringSettled::Gone) and nothing happens, so a call whose reply was lost is simply repeated.
    ///
    /// A firing that [goes to a queue](FiringOutcome::Enqueue) leaves the claim and enters the queue in one step.
    async fn settle_firings(
        &self,
        key: &DebounceKey,
        claim: ClaimId,
        settlements: &[FiringSettlement],
    ) -> Result<Vec<FiringSettled>, BackendError>;

    /// Makes the firings of expired claims pending again, due as they were. One call does a bounded amount of work.
    async fn recover_firings(&self, key: &DebounceKey) -> Result<RecoveredFirings, BackendError>;

    /// The next `limit` pending firings, the earliest first; more than [`MAX_BATCH`](super::MAX_BATCH) is taken as that.
    async fn peek_firings(&self, key: &DebounceKey, limit: usize) -> Result<Vec<Firing>, BackendError>;

    /// A page of the quarantined firings, the latest first.
    async fn quarantined(&self, key: &DebounceKey, page: Page) -> Result<Vec<Quarantined>, BackendError>;

    /// Makes quarantined firings pending again, due now; the answer is how many.
    async fn release_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError>;

    /// Deletes quarantined firings for good; the answer is how many.
    async fn delete_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError>;

    /// Counts what there is under the key, all at one moment.
    async fn inspect_debounce(&self, key: &DebounceKey) -> Result<DebounceStats, BackendError>;

    /// Forgets all pending firings; the answer is how many. What is active or quarantined stays.
    async fn clear_firings(&self, key: &DebounceKey) -> Result<usize, BackendError>;

    /// Tells from now on when a firing was triggered that is due before all others. A wake-up may come without a reason,
    /// and one may be lost with a connection, which is why schedulers look by themselves now and then.
    async fn watch_firings(&self, key: &DebounceKey) -> Result<Wakes, BackendError>;
}
