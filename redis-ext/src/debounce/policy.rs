//! When something fires that is triggered more than once: what can be asked for, and what makes no sense.

use std::time::Duration;

use crate::{
    CodecError,
    backend::{InvalidDebounceKey, PayloadRule, Repeat, TriggerRules},
};

/// The longest delay, wait or period: about a century.
pub const MAX_DELAY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How triggers of the same content become one firing.
///
/// | policy | fires | further triggers meanwhile |
/// |---|---|---|
/// | [`after`](Self::after) | a delay after the first trigger | are dropped: the first deadline stands |
/// | [`trailing`](Self::trailing) | a delay after the last trigger | reset the timer, within [`max_wait`](Self::max_wait) and [`max_count`](Self::max_count) |
/// | [`leading`](Self::leading) | at once | are dropped until the interval is over |
/// | [`windows`](Self::windows) | a delay after the end of each window that had a trigger | join their window's firing |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{Debounce, backend::PayloadRule};
///
/// const POLICY: Debounce = Debounce::trailing(Duration::from_secs(2))
///     .max_wait(Duration::from_secs(30))
///     .payloads(PayloadRule::Last);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debounce {
    pub(crate) timing: Timing,
    pub(crate) payloads: PayloadRule,
    max_wait: Option<Duration>,
    max_count: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    After { delay: Duration },
    Trailing { delay: Duration },
    Leading { interval: Duration },
    Windows { period: Duration, delay: Duration },
}

/// What is wrong with a debouncer, or with what is asked of it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{Debounce, DebounceError, Debouncer, Error, RedisTask};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Reindex { shard: u32 }
///
/// let policy = Debounce::after(Duration::from_secs(2));
/// let nameless = Debouncer::<Reindex>::new(MemoryBackend::new(), "", policy);
/// assert!(matches!(nameless, Err(Error::Debounce(DebounceError::Key(_)))));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebounceError {
    /// A time longer than [`MAX_DELAY`].
    #[error("a delay, wait or period of {0:?} is too long: it is at most {MAX_DELAY:?}")]
    TooLong(Duration),
    /// `max_wait` or `max_count` with a policy whose timer is never reset.
    #[error("`max_wait` and `max_count` bound a timer that triggers reset: use `Debounce::trailing`, or drop them")]
    BoundsWithoutTrailing,
    /// A longest wait that ends before the delay.
    #[error("a `max_wait` of {max_wait:?} is shorter than the delay of {delay:?}: nothing would ever be debounced")]
    MaxWaitTooShort {
        /// The longest wait.
        max_wait: Duration,
        /// The delay.
        delay: Duration,
    },
    /// A count or a limit of zero.
    #[error("`{0}` is 0, and nothing could ever fire: it must be at least 1")]
    Zero(&'static str),
    /// A window that is not made of whole seconds.
    #[error("a window of {0:?} is not a whole number of seconds, and at least one")]
    Window(Duration),
    /// A text that cannot be a debouncer's key.
    #[error(transparent)]
    Key(#[from] InvalidDebounceKey),
    /// The content, or its key, has no canonical JSON form: it holds a float that is not finite, for example.
    #[error("the content of a trigger cannot be encoded")]
    Encode(#[source] CodecError),
    /// A pending firing has accumulated as many payloads as it may. It is due at once: try again when it has left, or raise
    /// the limit.
    #[error(
        "the pending firing holds as many payloads as it may and is due: try again when it has left, or raise the limit"
    )]
    Full,
}

impl Debounce {
    /// Fires `delay` after the first trigger; what comes meanwhile is dropped. This is what `DebounceInfoTask` of the Python
    /// package does.
    #[must_use]
    pub const fn after(delay: Duration) -> Self {
        Self::with(Timing::After { delay })
    }

    /// Fires `delay` after the last trigger: each one resets the timer.
    #[must_use]
    pub const fn trailing(delay: Duration) -> Self {
        Self::with(Timing::Trailing { delay })
    }

    /// Fires with the first trigger at once, and drops further ones until `interval` is over: a throttle.
    #[must_use]
    pub const fn leading(interval: Duration) -> Self {
        Self::with(Timing::Leading { interval })
    }

    /// Fires once for each window of time that had a trigger, `delay` after the window's end. Windows begin at multiples of
    /// `period` since the Unix epoch, which is a whole number of seconds.
    #[must_use]
    pub const fn windows(period: Duration, delay: Duration) -> Self {
        Self::with(Timing::Windows { period, delay })
    }

    const fn with(timing: Timing) -> Self {
        let payloads = match timing {
            Timing::Trailing { .. } => PayloadRule::Last,
            _ => PayloadRule::First,
        };
        Self { timing, payloads, max_wait: None, max_count: None }
    }

    /// However often the timer is reset, fires this long after the first trigger at the latest.
    #[must_use]
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// However often the timer is reset, fires at once with the trigger of this number.
    #[must_use]
    pub const fn max_count(mut self, max_count: u32) -> Self {
        self.max_count = Some(max_count);
        self
    }

    /// Which payloads a firing gets, where triggers that are one by their key differ in content. Unless told otherwise, the
    /// last one for [`trailing`](Self::trailing) and the first one for the others.
    #[must_use]
    pub const fn payloads(mut self, payloads: PayloadRule) -> Self {
        self.payloads = payloads;
        self
    }

    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<(), DebounceError> {
        let times = match self.timing {
            Timing::After { delay } | Timing::Trailing { delay } => [delay, Duration::ZERO],
            Timing::Leading { interval } => [interval, Duration::ZERO],
            Timing::Windows { period, delay } => [period, delay],
        };
        for time in times.into_iter().chain(self.max_wait) {
            check_delay(time)?;
        }
        match self.timing {
            Timing::Trailing { delay } => {
                if let Some(max_wait) = self.max_wait.filter(|max_wait| *max_wait < delay) {
                    return Err(DebounceError::MaxWaitTooShort { max_wait, delay });
                }
            }
            _ if self.max_wait.is_some() || self.max_count.is_some() => {
                return Err(DebounceError::BoundsWithoutTrailing);
            }
            Timing::Windows { period, .. } if period.is_zero() || period.subsec_nanos() != 0 => {
                return Err(DebounceError::Window(period));
            }
            _ => {}
        }
        match (self.max_count, self.payloads) {
            (Some(0), _) => Err(DebounceError::Zero("max_count")),
            (_, PayloadRule::Accumulate { max_count: 0, .. }) => Err(DebounceError::Zero("accumulate")),
            _ => Ok(()),
        }
    }

    /// The same for a backend.
    pub(crate) fn rules(&self) -> TriggerRules {
        let repeat = match self.timing {
            Timing::After { .. } | Timing::Windows { .. } => Repeat::Keep,
            Timing::Trailing { .. } => Repeat::Reset { max_wait: self.max_wait, max_count: self.max_count },
            Timing::Leading { interval } => Repeat::Throttle { quiet: interval },
        };
        TriggerRules { repeat, payloads: self.payloads }
    }

    /// How long after a trigger it fires, if nothing else is said.
    pub(crate) fn delay(&self) -> Duration {
        match self.timing {
            Timing::After { delay } | Timing::Trailing { delay } => delay,
            Timing::Leading { .. } | Timing::Windows { .. } => Duration::ZERO,
        }
    }
}

pub(crate) fn check_delay(delay: Duration) -> Result<(), DebounceError> {
    if delay > MAX_DELAY { Err(DebounceError::TooLong(delay)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_makes_no_sense_is_refused_and_told_why() {
        let accumulate = |max_count| PayloadRule::Accumulate { max_count, max_bytes: 1 };
        for (policy, part_of_message) in [
            (Debounce::after(Duration::MAX), "too long"),
            (Debounce::trailing(SECOND).max_wait(Duration::MAX), "too long"),
            (Debounce::windows(SECOND, Duration::MAX), "too long"),
            (Debounce::after(SECOND).max_wait(SECOND), "trailing"),
            (Debounce::leading(SECOND).max_count(2), "trailing"),
            (Debounce::windows(SECOND, SECOND).max_count(2), "trailing"),
            (Debounce::trailing(2 * SECOND).max_wait(SECOND), "shorter"),
            (Debounce::trailing(SECOND).max_count(0), "max_count"),
            (Debounce::after(SECOND).payloads(accumulate(0)), "accumulate"),
            (Debounce::windows(Duration::ZERO, SECOND), "window"),
            (Debounce::windows(Duration::from_millis(1500), SECOND), "window"),
        ] {
            let error = policy.check().unwrap_err().to_string();
            assert!(error.contains(part_of_message), "{policy:?}: {error}");
        }
    }

    #[test]
    fn what_makes_sense_is_accepted() {
        for policy in [
            Debounce::after(Duration::ZERO),
            Debounce::after(MAX_DELAY),
            Debounce::trailing(SECOND).max_wait(SECOND).max_count(1),
            Debounce::leading(SECOND),
            Debounce::windows(SECOND, Duration::ZERO),
        ] {
            assert!(policy.check().is_ok(), "{policy:?}");
        }
    }
}
