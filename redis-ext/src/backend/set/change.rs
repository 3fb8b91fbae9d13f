//! What happens to a set: what was asked for, and what came of it.

use std::{fmt, num::NonZeroUsize};

/// Tells one change from all others; a repeated call carries the same.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeId(pub u64);

/// A change to be made.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetChange {
    /// Its identity.
    pub id: ChangeId,
    /// The version that the set must have; any other is a [`Conflict`](SetChanged::Conflict).
    pub expected: Option<u64>,
    /// What to do.
    pub edit: SetEdit,
}

/// What to do to a set. A member that is named twice counts once.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetEdit {
    /// Remove the ones, add the others; what is among both stays or comes.
    Apply {
        /// What must not be in the set afterwards.
        remove: Vec<Vec<u8>>,
        /// What must be in the set afterwards.
        add: Vec<Vec<u8>>,
    },
    /// Remove the first `most` of these that are members.
    Take {
        /// The candidates, at most [`MAX_BATCH`](crate::backend::MAX_BATCH), the most wanted first.
        candidates: Vec<Vec<u8>>,
        /// How many to remove at most.
        most: NonZeroUsize,
    },
    /// These are the members from now on, and no others.
    Replace(Vec<Vec<u8>>),
}

/// What came of a change.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetChanged {
    /// The set is another one now.
    Changed(SetDelta),
    /// Everything was as asked for already; the set stands at this mark.
    Unchanged(SetMark),
    /// The set does not have the version that was expected, but this one; nothing was done.
    Conflict(u64),
}

/// One state of a set, told from others by more than its version: a version can come back, as when a store was reset or
/// its replica that lacked the latest changes took over.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetMark {
    /// The version.
    pub version: u64,
    /// The change that led to this version, if it is in the log.
    pub change: Option<ChangeId>,
    /// How many members there are.
    pub len: u64,
}

/// A change that was made.
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDelta {
    /// Where the set stood before.
    pub before: SetMark,
    /// Where it stands after.
    pub after: SetMark,
    /// How many members were removed.
    pub removed: u64,
    /// How many were added.
    pub added: u64,
    /// Which, unless they are too many to be remembered.
    pub members: Option<DeltaMembers>,
}

/// The members of a [`SetDelta`].
///
/// # Examples
/// See [`SetBackend`](crate::backend::SetBackend).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeltaMembers {
    /// What was removed.
    pub removed: Vec<Vec<u8>>,
    /// What was added.
    pub added: Vec<Vec<u8>>,
}

impl ChangeId {
    /// A new identity.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::u64(..))
    }
}

impl fmt::Debug for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeId({self})")
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl SetMark {
    /// Where a set stands that was never written to.
    pub const NEW: Self = Self { version: 0, change: None, len: 0 };
}

impl SetChange {
    /// A change with an identity of its own, whatever the version.
    #[must_use]
    pub fn new(edit: SetEdit) -> Self {
        Self { id: ChangeId::random(), expected: None, edit }
    }

    /// The same, if the set has the version `expected`.
    #[must_use]
    pub fn expecting(mut self, expected: u64) -> Self {
        self.expected = Some(expected);
        self
    }
}
