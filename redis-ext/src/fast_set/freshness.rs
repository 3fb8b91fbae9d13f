//! How old a view may be, how old it is, and what happens to reads when it is too old.

use std::{fmt, time::Duration};

/// What reads do while the view is older than it may be, as the store cannot be reached.
///
/// # Examples
/// See [`FastSet`](super::FastSet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenStale {
    /// They fail with [`Stale`].
    #[default]
    Refuse,
    /// They go on being answered from the view until it is so old; then they fail with [`Stale`].
    ServeStale(Duration),
    /// They fail with [`Stale`], but for [`lookup`](super::FastSet::lookup), which asks the store itself.
    Direct,
}

/// How a view is kept fresh at the moment.
///
/// # Examples
/// See [`FastSet::freshness`](super::FastSet::freshness).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// The store tells of each change.
    Pushed,
    /// The store is asked for the version from time to time.
    Polled,
    /// The store did not answer last time.
    Disconnected,
}

impl Mode {
    /// A number that fits an atomic.
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn of_code(code: u8) -> Self {
        [Self::Pushed, Self::Polled].into_iter().find(|mode| mode.code() == code).unwrap_or(Self::Disconnected)
    }
}

/// How fresh a view is.
///
/// # Examples
/// See [`FastSet::freshness`](super::FastSet::freshness).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// The version of the set that the view shows.
    pub version: u64,
    /// How long ago it was certain that the store had this version, and no other.
    pub age: Duration,
    /// How it is kept fresh.
    pub mode: Mode,
}

/// The view is too old to be read.
///
/// # Examples
/// See [`FastSet`](super::FastSet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the view of the set is {} old, and the policy allows no read of one so old; is the store reachable?",
    Age(self.freshness.age)
)]
#[non_exhaustive]
pub struct Stale {
    /// How fresh it is.
    pub freshness: Freshness,
}

/// An age that people can read.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?}", self.0)
    }
}
