//! What a task type says of itself: how often it is tried, how long it may run, what it looks like on the wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::codec::millis;

/// How a task is treated, as declared by `#[redis_task(…)]`; the defaults are this type's constants.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{Backoff, TaskOptions};
///
/// const OPTIONS: TaskOptions = TaskOptions::new()
///     .max_attempts(5)
///     .backoff(Backoff::fixed(Duration::from_secs(10)));
/// assert_eq!(OPTIONS.timeout, Some(TaskOptions::DEFAULT_TIMEOUT));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// How many times a task is run before it goes to the dead letters, the first run included.
    pub max_attempts: u32,
    /// How long to wait before each further attempt.
    pub backoff: Backoff,
    /// How long one attempt may run; `None` is for ever.
    pub timeout: Option<Duration>,
    /// While a task with the same content is pending, and at most this long, another one is not enqueued.
    pub unique_for: Option<Duration>,
    /// What is written to the queue.
    pub wire: Wire,
}

impl TaskOptions {
    /// [`max_attempts`](Self::max_attempts) unless told otherwise.
    pub const DEFAULT_MAX_ATTEMPTS: u32 = 25;
    /// [`timeout`](Self::timeout) unless told otherwise: a handler that hangs gives its place back after this long.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_attempts: Self::DEFAULT_MAX_ATTEMPTS,
            backoff: Backoff::DEFAULT,
            timeout: Some(Self::DEFAULT_TIMEOUT),
            unique_for: None,
            wire: Wire::Envelope,
        }
    }

    /// Sets [`max_attempts`](Self::max_attempts); 0 is taken as 1.
    #[must_use]
    pub const fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = if max_attempts == 0 { 1 } else { max_attempts };
        self
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`unique_for`](Self::unique_for).
    #[must_use]
    pub const fn unique_for(mut self, unique_for: Option<Duration>) -> Self {
        self.unique_for = unique_for;
        self
    }

    /// Sets [`wire`](Self::wire).
    #[must_use]
    pub const fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What is written to the queue for a task.
///
/// # Examples
/// ```
/// use redis_ext::{RedisTask, Wire};
///
/// #[derive(RedisTask)]
/// #[redis_task(wire = "bare")]
/// struct Mail { to: String }
///
/// assert_eq!(Mail::OPTIONS.wire, Wire::Bare);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Wire {
    /// An envelope with an ID and the task's history around the payload.
    #[default]
    Envelope,
    /// The payload alone, for consumers that know nothing of envelopes.
    Bare,
}

/// The wait before a failed task's next attempt.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::Backoff;
///
/// let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60));
/// let third = backoff.delay_after(3);
/// assert!(third >= Duration::from_secs(2) && third <= Duration::from_secs(4));
/// assert!(backoff.delay_after(1_000) <= Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Backoff {
    /// The same wait each time.
    Fixed {
        /// The wait.
        #[serde(with = "millis", rename = "delay_ms")]
        delay: Duration,
    },
    /// Doubled each time up to a cap, and spread so that tasks that failed together do not return together.
    Exponential {
        /// The wait after the first failure, before it is spread.
        #[serde(with = "millis", rename = "base_ms")]
        base: Duration,
        /// The longest wait.
        #[serde(with = "millis", rename = "cap_ms")]
        cap: Duration,
    },
}

impl Backoff {
    /// One second after the first failure, doubling up to an hour: 25 attempts span about ten hours, thirteen at most.
    pub const DEFAULT: Self = Self::exponential(Duration::from_secs(1), Duration::from_secs(3600));

    /// The same wait each time.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::Fixed { delay }
    }

    /// `base` after the first failure, doubled after each further one, never more than `cap`.
    #[must_use]
    pub const fn exponential(base: Duration, cap: Duration) -> Self {
        Self::Exponential { base, cap }
    }

    /// The wait after `attempts` failed attempts.
    ///
    /// Exponential: `min(cap, base · 2^(attempts − 1)) · u` with `u` uniform in ½..1, which is the "equal jitter" of
    /// Marc Brooker's *Exponential Backoff And Jitter* (AWS Architecture Blog, 2015).
    #[must_use]
    pub fn delay_after(&self, attempts: u32) -> Duration {
        match *self {
            Self::Fixed { delay } => delay,
            Self::Exponential { base, cap } => {
                let doublings = attempts.saturating_sub(1).min(31);
                let longest = base.saturating_mul(1 << doublings).min(cap);
                longest.mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_wait_stays_between_half_and_the_whole_of_its_step() {
        let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1));
        for (attempts, longest_ms) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (u32::MAX, 1000)] {
            let longest = Duration::from_millis(longest_ms);
            for _ in 0..100 {
                let delay = backoff.delay_after(attempts);
                assert!(delay >= longest / 2 && delay <= longest, "{attempts}: {delay:?}");
            }
        }
    }

    #[test]
    fn waits_of_many_failures_are_spread() {
        let backoff = Backoff::exponential(Duration::from_secs(10), Duration::from_secs(10));
        let first = backoff.delay_after(1);
        assert!((0..100).any(|_| backoff.delay_after(1) != first));
    }
}
