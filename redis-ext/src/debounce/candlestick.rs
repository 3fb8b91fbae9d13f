//! Windows in the form of the Python package's `CandleStickTask`.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{Debounce, DebounceError, Debouncer, Fired};
use crate::{
    CodecError, Error, QueueName, RedisTask, TaskOptions,
    backend::{DebounceBackend, Due, Trigger},
    codec::{
        self,
        canonical::{Style, to_vec},
    },
    task::Timestamp,
};

/// A window of one stock that had trades and is over.
///
/// # Examples
/// See [`CandleSticks`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CandleStick {
    /// The stock.
    pub stock: String,
    /// When the window began, in seconds since the Unix epoch.
    pub window: i64,
}

impl RedisTask for CandleStick {
    const QUEUE: QueueName = QueueName::from_static("candlestick");
    const OPTIONS: TaskOptions = TaskOptions::new();

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(self, out)
    }

    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        codec::decode(payload)
    }
}

/// One firing for each stock and window that had trades, after the window's end: what `CandleStickTask` of the Python
/// package is, on the same data. For windows of other things, see [`Debounce::windows`].
///
/// # Errors
/// As those of [`Debouncer`].
///
/// # Cancel safety
/// As that of [`Debouncer`].
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use redis_ext::debounce::CandleSticks;
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let candles = CandleSticks::new(MemoryBackend::new(), "candlestick", Duration::from_secs(60))?;
/// let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
/// assert!(candles.add("000001.SZ", an_hour_ago).await?);
/// assert!(!candles.add("000001.SZ", an_hour_ago).await?);
/// assert_eq!(candles.pop_due(10).await?[0].stock, "000001.SZ");
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct CandleSticks {
    debouncer: Debouncer<CandleStick>,
    period: Duration,
    delay: Duration,
}

impl CandleSticks {
    /// How long after a window's end it fires unless told otherwise.
    pub const DEFAULT_DELAY: Duration = Duration::from_secs(1);

    /// Windows of `period`, at the key `prefix:period`.
    ///
    /// # Errors
    /// [`Error::Debounce`] when the period is not a whole number of seconds, or the prefix makes no key.
    pub fn new(backend: impl DebounceBackend, prefix: &str, period: Duration) -> Result<Self, Error> {
        let policy = Debounce::windows(period, Self::DEFAULT_DELAY);
        let debouncer = Debouncer::new(backend, format!("{prefix}:{}", period.as_secs()), policy)?;
        Ok(Self { debouncer, period, delay: Self::DEFAULT_DELAY })
    }

    /// Fires this long after a window's end, instead of [`DEFAULT_DELAY`](Self::DEFAULT_DELAY).
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Notes a trade of `stock` at `time`; `false` when the window has had one.
    pub async fn add(&self, stock: &str, time: SystemTime) -> Result<bool, Error> {
        super::policy::check_delay(self.delay)?;
        let period = self.period.as_secs();
        let window = Timestamp::from(time).as_millis() / 1000 / period * period;
        let candle = CandleStick { stock: stock.to_owned(), window: i64::try_from(window).unwrap_or(i64::MAX) };
        let member = to_vec(&candle, Style::Ascii).map_err(DebounceError::Encode)?;
        let fires = Timestamp::from_millis(window.saturating_mul(1000)).saturating_add(self.period);
        let trigger = Trigger::new(member, Due::At(fires.saturating_add(self.delay)));
        let rules = self.debouncer.policy.rules();
        let answers = self.debouncer.backend.trigger(&self.debouncer.key, &[trigger], &rules).await?;
        Ok(answers.iter().any(|answer| answer.is_new()))
    }

    /// Takes up to `max` windows that are over, the earliest first; each goes to one caller.
    pub async fn pop_due(&self, max: usize) -> Result<Vec<CandleStick>, Error> {
        Ok(self.debouncer.pop_due(max).await?.into_iter().map(Fired::into_inner).collect())
    }

    /// The debouncer behind it: for counting, clearing, and for a [scheduler](super::DebounceScheduler).
    #[must_use]
    pub fn debouncer(&self) -> &Debouncer<CandleStick> {
        &self.debouncer
    }
}

impl fmt::Debug for CandleSticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleSticks")
            .field("key", &self.debouncer.key)
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}
