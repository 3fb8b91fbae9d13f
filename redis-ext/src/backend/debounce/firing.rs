//! A firing from the moment it is due: claimed, and settled in one of a few ways.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    backend::{InvalidWorkerId, NewTask, WorkerId},
    task::{QueueName, Timestamp},
};

/// One claim of firings: random, so that a claim that was taken over cannot be mistaken for another.
///
/// # Examples
/// ```
/// use redis_ext::backend::ClaimId;
///
/// let id = ClaimId::random();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(WorkerId);

impl ClaimId {
    /// A new one, unlike any other.
    #[must_use]
    pub fn random() -> Self {
        Self(WorkerId::random())
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ClaimId {
    type Err = InvalidWorkerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A wish to claim firings.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiringClaim {
    /// The claim's ID.
    pub id: ClaimId,
    /// The most firings it may hold; more than [`MAX_BATCH`](crate::backend::MAX_BATCH) is taken as that.
    pub max: usize,
    /// For how long they belong to the claim unless it is renewed.
    pub lease: Duration,
    /// Takes also what is not due yet.
    pub early: bool,
}

/// What a claim gave.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedFirings {
    /// The firings, the earliest first.
    pub firings: Vec<Firing>,
    /// How long until the next pending firing is due: zero when one is due already, `None` when nothing is pending.
    pub next_due: Option<Duration>,
    /// The backend's time.
    pub at: Timestamp,
    /// Whether there are claims whose lease has expired, so that [recovering](super::DebounceBackend::recover_firings)
    /// is worth a call.
    pub any_expired: bool,
}

impl ClaimedFirings {
    /// What a claim gave; for backends.
    #[must_use]
    pub fn new(firings: Vec<Firing>, next_due: Option<Duration>, at: Timestamp, any_expired: bool) -> Self {
        Self { firings, next_due, at, any_expired }
    }
}

/// What is due, or will be, for one member.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The member.
    pub member: Vec<u8>,
    /// When it is due.
    pub due: Timestamp,
    /// The payloads of its triggers, as its rule kept them; empty when they had none.
    pub payloads: Vec<Vec<u8>>,
}

/// What became of one claimed firing.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiringSettlement {
    /// The firing's member.
    pub member: Vec<u8>,
    /// Where it goes.
    pub outcome: FiringOutcome,
}

/// Where a claimed firing goes.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FiringOutcome {
    /// Nowhere: it is done.
    Done,
    /// To the tail of a queue.
    Enqueue {
        /// The queue.
        queue: QueueName,
        /// The task. While another one holds its lock, the firing is pending again instead.
        task: NewTask,
        /// How long until a firing that was held back is due again.
        retry_after: Duration,
    },
    /// Back to what is pending. If triggers have made the member pending again meanwhile, the two become one: due at the
    /// earlier time, with the payloads that their rule keeps.
    Return {
        /// Due so long from now instead of when it was.
        after: Option<Duration>,
    },
    /// To the quarantine, where it stays until somebody looks.
    Quarantine {
        /// Why.
        reason: String,
    },
}

/// The answer to settling one firing.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FiringSettled {
    /// It is where it was to go.
    Settled,
    /// Its task's lock is held: it is pending again.
    HeldBack,
    /// The claim does not hold it: it was settled before, or others have taken it over.
    Gone,
}

/// What [`recover_firings`](super::DebounceBackend::recover_firings) did.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveredFirings {
    /// How many firings are pending again.
    pub returned: usize,
    /// Whether there is more to recover.
    pub more: bool,
}

/// A firing that could not be dispatched, kept with the reason.
///
/// # Examples
/// See [`Debouncer::quarantined`](crate::Debouncer::quarantined).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// What it is.
    pub firing: Firing,
    /// Why it is here.
    pub reason: String,
    /// Since when, by the backend's clock.
    pub since: Timestamp,
}

/// What there is under a debouncer's key.
///
/// # Examples
/// See [`Debouncer::stats`](crate::Debouncer::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DebounceStats {
    /// Firings that wait for their time, for a scheduler, or for the end of the same member's run.
    pub pending: usize,
    /// Those of them whose time has come.
    pub overdue: usize,
    /// Firings that are claimed and not settled.
    pub active: usize,
    /// Firings that could not be dispatched.
    pub quarantined: usize,
}

impl DebounceStats {
    /// The counts; for backends.
    #[must_use]
    pub fn new(pending: usize, overdue: usize, active: usize, quarantined: usize) -> Self {
        Self { pending, overdue, active, quarantined }
    }
}
