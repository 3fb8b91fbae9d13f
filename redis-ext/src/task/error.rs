//! What a handler says when a task did not succeed.

use std::{error::Error, fmt, time::Duration};

/// A failed attempt at a task, and what is to become of the task.
///
/// Any error turns into one by `?`, which asks for a retry after the task's backoff. As with `anyhow::Error`, that
/// is why this type is no [`Error`] itself. What is no error either, a text or an `anyhow::Error`, takes
/// `.map_err(TaskError::new)?`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::TaskError;
///
/// fn handle(body: &str) -> Result<(), TaskError> {
///     let status: u16 = body.parse()?; // retried, up to `max_attempts`
///     match status {
///         429 => Err(TaskError::retry_in("rate limited", Duration::from_secs(60))),
///         410 => Err(TaskError::fatal("the mailbox is gone")), // straight to the dead letters
///         _ => Ok(()),
///     }
/// }
/// assert!(handle("410").unwrap_err().is_fatal());
/// ```
pub struct TaskError {
    cause: Box<dyn Error + Send + Sync>,
    verdict: Verdict,
}

/// What a [`TaskError`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Retry,
    RetryIn(Duration),
    Fatal,
}

impl TaskError {
    /// Retry after the task's backoff, until its attempts are used up.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: cause.into(), verdict: Verdict::Retry }
    }

    /// Never retry: the task goes to the dead letters at once.
    pub fn fatal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: cause.into(), verdict: Verdict::Fatal }
    }

    /// Retry after `delay` instead of the task's backoff. It counts as an attempt, so no task snoozes for ever.
    pub fn retry_in(cause: impl Into<Box<dyn Error + Send + Sync>>, delay: Duration) -> Self {
        Self { cause: cause.into(), verdict: Verdict::RetryIn(delay) }
    }

    /// Whether the task is given up.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.verdict == Verdict::Fatal
    }

    /// The error behind this one.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(crate) fn chain(&self) -> Vec<String> {
        chain_of(&*self.cause)
    }

    pub(crate) fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        self.cause
    }
}

/// The messages of an error and of what is behind it, outermost first.
pub(crate) fn chain_of(error: &(dyn Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

impl<E: Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError").field("cause", &self.cause).field("verdict", &self.verdict).finish()
    }
}
