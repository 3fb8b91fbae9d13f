//! A backend, a queue of its own, and its time: an hour passes at once in either world.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use redis_ext::{Backend, QueueName, RedisBackend, Timestamp};
use redis_ext_memory::MemoryBackend;
use tokio::time::Instant;

use super::{
    ops::Span,
    reference::{HOUR, Time},
};

/// What is over after a [`World::moment`].
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// An hour of a server, whose clock cannot be moved: so all the times that it keeps for a queue are.
const AN_HOUR_PASSES: &str = "
    local queue, hour = KEYS[1], 3600000
    local function move(zset, by)
      -- Scores near zero are no times of this age.
      for _, member in ipairs(redis.call('ZRANGEBYSCORE', zset, '(1000000', '+inf')) do
        redis.call('ZINCRBY', zset, -by, member)
      end
    end
    move(queue .. ':scheduled', hour)
    move(queue .. ':workers', hour)
    move(queue .. ':dead:index', hour * 1000)
    for digest = 0, 3 do
      local lock = queue .. ':unique:' .. digest
      local left = redis.call('PTTL', lock)
      if left >= 0 then
        redis.call('PEXPIRE', lock, left - hour)
      end
    end";

pub(crate) struct World {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) queue: QueueName,
    clock: Clock,
}

enum Clock {
    Tokio { begun_at: Timestamp, begun: Instant },
    Server(redis::Client),
}

impl World {
    /// On tokio's clock, which is paused.
    pub(crate) fn in_memory() -> Self {
        let clock = Clock::Tokio { begun_at: SystemTime::now().into(), begun: Instant::now() };
        Self { backend: Arc::new(MemoryBackend::new()), queue: fresh_queue(), clock }
    }

    pub(crate) fn on_redis(backend: &RedisBackend, url: &str) -> Self {
        let clock = Clock::Server(redis::Client::open(url).unwrap());
        Self { backend: Arc::new(backend.clone()), queue: fresh_queue(), clock }
    }

    /// The backend's time, not counting the hours that were made to pass on a server.
    pub(crate) fn now(&self) -> Timestamp {
        match &self.clock {
            Clock::Tokio { begun_at, begun } => begun_at.saturating_add(begun.elapsed()),
            Clock::Server(_) => SystemTime::now().into(),
        }
    }

    /// Lets a little time pass: what was to last a [`MOMENT`] is over.
    pub(crate) async fn moment(&self) {
        tokio::time::sleep(3 * MOMENT).await;
    }

    pub(crate) async fn hour(&self) {
        match &self.clock {
            Clock::Tokio { .. } => tokio::time::advance(Duration::from_secs(3600)).await,
            Clock::Server(client) => {
                let key = format!("{{{}}}", self.queue);
                let mut connection = client.get_connection().unwrap();
                redis::Script::new(AN_HOUR_PASSES).key(key).invoke::<()>(&mut connection).unwrap();
            }
        }
    }
}

/// Queues share a server.
fn fresh_queue() -> QueueName {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("model-{}", MADE.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

impl Span {
    /// For a backend.
    pub(crate) fn duration(self) -> Duration {
        match self {
            Self::Moment => MOMENT,
            Self::HoursAndAHalf(hours) => Duration::from_secs(3600 * u64::from(hours) + 1800),
        }
    }

    /// For the model.
    pub(crate) fn time(self) -> Time {
        match self {
            Self::Moment => 1,
            Self::HoursAndAHalf(hours) => HOUR * Time::from(hours) + HOUR / 2,
        }
    }
}

/// Checks a duration against the model's: to ten minutes, as real time passes on a server, and nothing in the model
/// comes closer than half an hour.
pub(crate) fn about(duration: Duration, time: Time) -> bool {
    let expected = Duration::from_secs_f64(time as f64 / HOUR as f64 * 3600.0);
    duration.abs_diff(expected) < Duration::from_secs(600)
}
