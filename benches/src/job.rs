//! The task of the benchmarks: it does nothing, is as large as it is told, and knows when it was sent.

use std::time::{Duration, SystemTime};

use redis_ext::{TaskId, backend::NewTask, prelude::*, task::Envelope};

/// A task that does nothing.
#[derive(Debug, Clone, RedisTask)]
#[redis_task(queue = "bench")]
pub struct Job {
    /// In nanoseconds of the Unix time, which processes of one machine share.
    sent: u64,
    body: String,
}

impl Job {
    /// As long as the body of a small task.
    pub const SMALL: usize = 80;

    /// A task sent now.
    #[must_use]
    pub fn of(body_bytes: usize) -> Self {
        Self { sent: now(), body: "x".repeat(body_bytes) }
    }

    /// What a queue holds of it, for those who enqueue without the ways that users have.
    #[must_use]
    pub fn entry(&self) -> NewTask {
        let mut payload = Vec::new();
        // A text and a number have a JSON form.
        let _ = self.encode(&mut payload);
        let id = TaskId::random();
        let entry = Envelope::new(id, SystemTime::now().into(), &payload).to_entry();
        NewTask::new(entry).with_id(id)
    }

    /// How long ago it was sent.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.sent))
    }
}

fn now() -> u64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
