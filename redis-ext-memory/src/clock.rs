//! The backend's clock: tokio's, told as wall time.

use std::time::{Duration, SystemTime};

use redis_ext::Timestamp;
use tokio::time::Instant;

/// Starts at the wall time of its creation and goes on by tokio's clock, which a test may stop and move.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Timestamp,
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { base: SystemTime::now().into(), origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        // Cut to whole milliseconds on both sides, so that what is due in 5 ms is due once 5 ms have passed.
        let elapsed = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base.saturating_add(Duration::from_millis(elapsed))
    }
}
