//! Identifiers: of a task, and of one incarnation of a worker.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use super::Timestamp;

/// The identity of one enqueued task: a UUID, version 7 when this library made it, so that IDs sort by time.
///
/// # Examples
/// ```
/// use redis_ext::TaskId;
///
/// let id = TaskId::random();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// The bytes of an ID's text form.
    pub const TEXT_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

    /// The place of an ID that is not known yet.
    pub(crate) const NIL: Self = Self(Uuid::nil());

    /// A new ID, unlike any other.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// Appends the text form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let mut text = [0; Self::TEXT_BYTES];
        out.extend_from_slice(self.0.hyphenated().encode_lower(&mut text).as_bytes());
    }

    /// Reads an ID's text form.
    pub(crate) fn from_ascii(text: &[u8]) -> Option<Self> {
        Uuid::try_parse_ascii(text).ok().map(Self)
    }
}

/// Makes the IDs of tasks that are enqueued together: they sort in the order in which they are made, and share one look
/// at the clock.
pub(crate) struct TaskIds {
    now: Timestamp,
    context: ContextV7,
}

impl TaskIds {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, context: ContextV7::new() }
    }

    pub(crate) fn make(&self) -> TaskId {
        let millis = self.now.as_millis();
        let (seconds, nanos) = (millis / 1_000, (millis % 1_000) as u32 * 1_000_000);
        TaskId(Uuid::new_v7(uuid::Timestamp::from_unix(&self.context, seconds, nanos)))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for TaskId {
    type Err = InvalidTaskId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidTaskId(text.to_owned()))
    }
}

/// A text that is not a [`TaskId`].
///
/// # Examples
/// See [`TaskId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a task ID: a task ID is a UUID such as 0199c0de-7a11-7000-8000-000000000001")]
pub struct InvalidTaskId(String);

/// One incarnation of a worker: random, never reused, so that a worker that lost its lease cannot be mistaken for
/// its successor.
///
/// # Examples
/// ```
/// use redis_ext::backend::WorkerId;
///
/// assert_ne!(WorkerId::random(), WorkerId::random());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(Uuid);

impl WorkerId {
    /// A new incarnation.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for WorkerId {
    type Err = InvalidWorkerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidWorkerId(text.to_owned()))
    }
}

/// A text that is not a [`WorkerId`].
///
/// # Examples
/// See [`WorkerId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a worker incarnation: 32 hexadecimal digits were expected")]
pub struct InvalidWorkerId(String);
