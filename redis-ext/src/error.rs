//! The error of everything that users call.

use std::fmt;

use crate::{
    BackendError, CodecError, DebounceError, Enqueued, InvalidIdName, InvalidIdTtl, InvalidQueueName, QueueName,
    TaskId,
    fast_set::{FastSetError, Stale},
    task::chain_of,
    unique_id::UniqueIdError,
    worker::BuildError,
};

/// What went wrong in a call of this library; the cause is its [`source`](std::error::Error::source).
///
/// `Debug` writes the texts of the error and of its causes, as a `main` that returns it prints `Debug`.
///
/// # Examples
/// ```
/// use redis_ext::{Error, QueueName};
///
/// let error = Error::from(QueueName::new("").unwrap_err());
/// assert!(matches!(error, Error::QueueName(_)));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend failed; its error tells the kind, and what to do.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The backend failed part of the way through [`Enqueue::enqueue_many`](crate::Enqueue::enqueue_many).
    #[error("enqueueing failed after {} tasks were enqueued", enqueued.len())]
    EnqueueMany {
        /// The tasks enqueued before, in their order. If the source [says so](BackendError::is_maybe_applied), some of the
        /// 1,024 after them may be, too; otherwise none is.
        enqueued: Vec<Enqueued>,
        /// Why it failed.
        source: BackendError,
    },
    /// A task has no wire form.
    #[error("a task for the queue {queue} cannot be encoded")]
    Encode {
        /// Where it should have gone.
        queue: QueueName,
        /// Why it cannot.
        source: CodecError,
    },
    /// An option that only an envelope carries was asked of a task type that goes without.
    #[error(
        "a task for the queue {queue} has `wire = \"bare\"`, which has no place for a deadline, for uniqueness or for options of one task: remove them, or use `wire = \"envelope\"`"
    )]
    BareWire {
        /// Where it should have gone.
        queue: QueueName,
    },
    /// A text that cannot name a queue.
    #[error(transparent)]
    QueueName(#[from] InvalidQueueName),
    /// The workers were put together in a way that cannot work.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A debouncer was put together in a way that cannot work, or was asked for what it cannot do.
    #[error(transparent)]
    Debounce(#[from] DebounceError),
    /// A task failed in a queue whose policy is to [stop at the first failure](crate::worker::ErrorPolicy::StopOnFirst).
    /// The task itself is retried or dead as ever.
    #[error(
        "attempt {attempt} at the task {task} of the queue {queue} failed, and the workers were told to stop at the first failure"
    )]
    TaskFailed {
        /// The task's queue.
        queue: QueueName,
        /// The task.
        task: TaskId,
        /// Which attempt failed.
        attempt: u32,
        /// The handler's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another run of the task has begun the effect since, and this one may not record it any more.
    #[error("another run of the task {task} of the queue {queue} has taken over its effect")]
    Fenced {
        /// The task's queue.
        queue: QueueName,
        /// The task.
        task: TaskId,
    },
    /// A text that can name no class of IDs, or be no key that has one.
    #[error(transparent)]
    IdName(#[from] InvalidIdName),
    /// A duration that cannot be the life of an ID's mapping.
    #[error(transparent)]
    IdTtl(#[from] InvalidIdTtl),
    /// Unique IDs could not be started, or had no answer in time.
    #[error(transparent)]
    UniqueId(#[from] UniqueIdError),
    /// A set could not be read or written.
    #[error(transparent)]
    FastSet(#[from] FastSetError),
    /// The signals of the process cannot be listened to.
    #[error("the process's signals cannot be listened to")]
    Signals(#[source] std::io::Error),
}

/// A read of a view that is too old, among other calls.
impl From<Stale> for Error {
    fn from(stale: Stale) -> Self {
        Self::FastSet(stale.into())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts = chain_of(self);
        texts.dedup(); // an error of the Redis client says what its source says
        f.write_str(&texts.join(": "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BackendErrorKind, backend::Operation};

    #[test]
    fn a_main_that_returns_it_prints_what_is_wrong_and_why() {
        let error = Error::from(BuildError::NoSystem);
        assert_eq!(format!("{error:?}"), BuildError::NoSystem.to_string());

        let cause = std::io::Error::other("connection refused");
        let error =
            Error::from(BackendError::new(BackendErrorKind::Unavailable, Operation::Connect).with_source(cause));
        assert_eq!(format!("{error:?}"), format!("{error}: connection refused"));
    }
}
