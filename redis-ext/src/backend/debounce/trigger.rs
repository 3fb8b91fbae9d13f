//! What makes a firing pending, and what a further trigger of the same member does to it.

use std::time::Duration;

use crate::{
    backend::{DEFAULT_MAX_ENTRY_BYTES, Due},
    task::{TaskId, Timestamp},
};

/// A wish that something happen for a member.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::backend::{Due, Trigger};
///
/// let trigger = Trigger::new(*b"{\"user\": 7}", Due::In(Duration::from_secs(2))).payload(*b"{\"user\": 7, \"n\": 1}");
/// assert!(trigger.payload.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// Its identity: a trigger that is repeated after a lost reply adds its payload once.
    pub id: TaskId,
    /// What it is told apart by.
    pub member: Vec<u8>,
    /// What the firing gets, where that is not the member itself.
    pub payload: Option<Vec<u8>>,
    /// When the firing is to be due.
    pub due: Due,
}

impl Trigger {
    /// A trigger without a payload of its own.
    pub fn new(member: impl Into<Vec<u8>>, due: Due) -> Self {
        Self { id: TaskId::random(), member: member.into(), payload: None, due }
    }

    /// The same with a payload.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }
}

/// What triggers do to a member that is pending.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerRules {
    /// What becomes of its due time.
    pub repeat: Repeat,
    /// What becomes of its payload.
    pub payloads: PayloadRule,
}

/// What a further trigger does to the due time of a pending firing.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// Nothing: the first deadline stands.
    Keep,
    /// The trigger's own due time takes its place, within bounds that count from the first trigger of the burst.
    Reset {
        /// The firing is due at the latest so long after the first trigger.
        max_wait: Option<Duration>,
        /// The firing is due at once with the trigger of this number.
        max_count: Option<u32>,
    },
    /// The trigger takes the place of the pending firing altogether: a new burst, and its payload alone.
    Replace,
    /// The first trigger is due at once, whatever its due time, and others are dropped until `quiet` is over.
    Throttle {
        /// How long after an accepted trigger others are dropped.
        quiet: Duration,
    },
}

/// What becomes of the payloads of several triggers of one firing.
///
/// # Examples
/// See [`Debounce`](crate::Debounce).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PayloadRule {
    /// The first one stands.
    First,
    /// The latest one takes its place.
    #[default]
    Last,
    /// All are kept, in their order. The trigger that reaches a bound makes the firing due at once; one that comes before
    /// it has left is refused as [`Full`](Triggered::Full).
    Accumulate {
        /// The most payloads of one firing.
        max_count: usize,
        /// The most bytes of one firing's payloads together.
        max_bytes: usize,
    },
}

impl PayloadRule {
    /// The most bytes that [`accumulate`](Self::accumulate) keeps: half of what an entry of a queue may have.
    pub const DEFAULT_MAX_BYTES: usize = DEFAULT_MAX_ENTRY_BYTES / 2;

    /// All payloads, up to so many and [`DEFAULT_MAX_BYTES`](Self::DEFAULT_MAX_BYTES).
    #[must_use]
    pub const fn accumulate(max_count: usize) -> Self {
        Self::Accumulate { max_count, max_bytes: Self::DEFAULT_MAX_BYTES }
    }
}

/// What a trigger did.
///
/// # Examples
/// See [`DebounceBackend`](crate::backend::DebounceBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Triggered {
    /// It made a firing pending.
    New {
        /// When the firing is due.
        due: Timestamp,
    },
    /// It joined a pending firing, whose deadline stands.
    Joined {
        /// When the firing is due.
        due: Timestamp,
    },
    /// It joined a pending firing and moved its deadline, or replaced it.
    Moved {
        /// When the firing is due now.
        due: Timestamp,
    },
    /// It was dropped, as the member has fired lately.
    Throttled {
        /// Until when triggers are dropped.
        until: Timestamp,
    },
    /// It was refused: the pending firing holds as many payloads as it may, and is due at once.
    Full {
        /// When the firing was due.
        due: Timestamp,
    },
}

impl Triggered {
    /// Whether it made a firing pending that was not: what `add_task` of the Python package answers.
    #[must_use]
    pub fn is_new(self) -> bool {
        matches!(self, Self::New { .. })
    }

    /// When the firing that the trigger belongs to is due, if it belongs to one.
    #[must_use]
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Self::New { due } | Self::Joined { due } | Self::Moved { due } => Some(due),
            Self::Throttled { .. } | Self::Full { .. } => None,
        }
    }
}
