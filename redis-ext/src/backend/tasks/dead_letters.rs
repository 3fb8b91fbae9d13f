//! What was given up: why, how it is listed, and how long it is kept.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::MAX_BATCH;
use crate::{
    CodecError, RedisTask,
    task::{Envelope, TaskId, Timestamp},
};

/// Why a task is dead.
///
/// # Examples
/// See [`DeadLetter::decode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeathReason {
    /// It failed as often as it may.
    AttemptsExhausted,
    /// Its handler gave it up.
    Fatal,
    /// Its payload is not one of its type.
    Undecodable,
    /// Its envelope cannot be read: it is malformed or of a version unknown to the worker.
    Envelope,
    /// Its workers died too often while running it.
    Poison,
    /// Its deadline passed before it was run.
    DeadlinePassed,
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttemptsExhausted => "out of attempts",
            Self::Fatal => "given up by its handler",
            Self::Undecodable => "undecodable",
            Self::Envelope => "in an unreadable envelope",
            Self::Poison => "poison to its workers",
            Self::DeadlinePassed => "past its deadline",
        })
    }
}

/// A task that was given up, kept with what is known of it.
///
/// # Examples
/// See [`DeadLetter::decode`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The task's ID; one made up if it had none.
    pub id: TaskId,
    /// Why it is dead.
    pub reason: DeathReason,
    /// The last attempt's error and what was behind it, outermost first.
    pub errors: Vec<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was enqueued, if that is known.
    pub enqueued_at: Option<Timestamp>,
    /// When it was given up, by the backend's clock; the backend fills it in.
    pub died_at: Timestamp,
    /// What a replay puts into the queue: for an entry that could not be read, its original bytes.
    pub entry: Vec<u8>,
}

impl DeadLetter {
    /// A dead letter about to be settled.
    #[must_use]
    pub fn new(id: TaskId, reason: DeathReason, errors: Vec<String>, entry: Vec<u8>) -> Self {
        Self { id, reason, errors, attempts: 0, enqueued_at: None, died_at: Timestamp::default(), entry }
    }

    /// The task within.
    ///
    /// # Errors
    /// [`CodecError`] when it is none of this type, as for a letter that is dead because of that.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{RedisTask, TaskId, backend::{DeadLetter, DeathReason}};
    ///
    /// #[derive(RedisTask)]
    /// struct Charge { cents: u32 }
    ///
    /// let entry = br#"{"cents": 250}"#.to_vec();
    /// let letter = DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["no account".into()], entry);
    /// assert_eq!(letter.decode::<Charge>()?.cents, 250);
    /// assert_eq!(letter.to_string(), "given up by its handler after 0 attempts: no account");
    /// # Ok::<(), redis_ext::CodecError>(())
    /// ```
    pub fn decode<T: RedisTask>(&self) -> Result<T, CodecError> {
        T::decode(Envelope::parse(&self.entry).map_err(CodecError::new)?.payload())
    }

    /// With the history that its envelope holds.
    #[must_use]
    pub fn with_history(mut self, attempts: u32, enqueued_at: Option<Timestamp>) -> Self {
        self.attempts = attempts;
        self.enqueued_at = enqueued_at;
        self
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "{} after {} attempt{plural}: {}", self.reason, self.attempts, self.errors.join(": "))
    }
}

/// Which part of the dead letters to list.
///
/// # Examples
/// ```
/// use redis_ext::backend::Page;
///
/// let second = Page::default().limit(20).next();
/// assert_eq!((second.offset, second.limit), (20, 20));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// How many of the latest to pass over.
    pub offset: usize,
    /// How many to list at most; more than [`MAX_BATCH`] is taken as that.
    pub limit: usize,
}

impl Page {
    /// [`limit`](Self::limit) unless told otherwise.
    pub const DEFAULT_LIMIT: usize = 100;

    /// Sets [`offset`](Self::offset).
    #[must_use]
    pub fn offset(mut self, letters: usize) -> Self {
        self.offset = letters;
        self
    }

    /// Sets [`limit`](Self::limit).
    #[must_use]
    pub fn limit(mut self, letters: usize) -> Self {
        self.limit = letters;
        self
    }

    /// The page that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.offset(self.offset.saturating_add(self.limit.min(MAX_BATCH)))
    }
}

/// The latest [`DEFAULT_LIMIT`](Page::DEFAULT_LIMIT).
impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: Self::DEFAULT_LIMIT }
    }
}

/// A page of dead letters.
///
/// # Examples
/// See [`Queue::dead_letters`](crate::Queue::dead_letters).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// The letters, the latest first.
    pub letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub total: usize,
}

/// Which dead letters an operation is for.
///
/// # Examples
/// ```
/// use redis_ext::{TaskId, backend::Selection};
///
/// let (one, other) = (TaskId::random(), TaskId::random());
/// assert_eq!(Selection::from(one), Selection::Ids(vec![one]));
/// assert_eq!(Selection::from(vec![one, other]), Selection::Ids(vec![one, other]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those of these tasks; IDs without a dead letter are passed over. More than [`MAX_BATCH`] are taken in several steps.
    Ids(Vec<TaskId>),
    /// All that there were when the operation began.
    All,
}

impl From<TaskId> for Selection {
    fn from(id: TaskId) -> Self {
        Self::Ids(vec![id])
    }
}

impl From<Vec<TaskId>> for Selection {
    fn from(ids: Vec<TaskId>) -> Self {
        Self::Ids(ids)
    }
}

/// How many dead letters are kept in a queue: workers delete the oldest over any of the bounds.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{backend::Retention, prelude::*};
/// # use redis_ext_memory::MemoryBackend;
///
/// let a_week = Retention::default().age(Duration::from_secs(7 * 24 * 3600)).count(10_000);
/// let builder = WorkerSupervisor::builder(MemoryBackend::new()).retention(a_week);
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// The most letters.
    pub count: usize,
    /// The greatest age.
    pub age: Duration,
    /// The most bytes of their entries and descriptions together.
    pub bytes: usize,
}

impl Retention {
    /// [`count`](Self::count) unless told otherwise.
    pub const DEFAULT_COUNT: usize = 100_000;
    /// [`age`](Self::age) unless told otherwise: 30 days.
    pub const DEFAULT_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
    /// [`bytes`](Self::bytes) unless told otherwise: 256 MiB.
    pub const DEFAULT_BYTES: usize = 256 * 1024 * 1024;

    /// Sets [`count`](Self::count); 0 keeps none.
    #[must_use]
    pub fn count(mut self, letters: usize) -> Self {
        self.count = letters;
        self
    }

    /// Sets [`age`](Self::age).
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Sets [`bytes`](Self::bytes).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { count: Self::DEFAULT_COUNT, age: Self::DEFAULT_AGE, bytes: Self::DEFAULT_BYTES }
    }
}
