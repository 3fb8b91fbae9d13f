//! What only the Redis backend does: wrong types, refusals of the server, lost connections and scripts, blocking.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod budget;
mod connections;
mod keys;
mod refusals;
mod waiting;

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use redis_ext::{
    BackendError, BackendErrorKind, QueueName, RedisBackend, TaskId,
    backend::{
        BatchId, Claim, ClaimedBatch, DeadLetter, DeathReason, Due, Lease, NewTask, Page, Recovery, Retention,
        Selection, SetBackend, SetChange, SetEdit, TaskBackend, UniqueLock, WorkerId,
    },
};
use redis_ext_tests::{Raw, RedisServer};
use tokio_util::sync::CancellationToken;

static QUEUE: QueueName = QueueName::from_static("q");
const TTL: Duration = Duration::from_secs(30);

async fn connect(server: &RedisServer) -> RedisBackend {
    RedisBackend::connect(&server.url()).await.unwrap()
}

async fn joined(backend: &RedisBackend) -> Lease {
    let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    backend.join(&lease, TTL).await.unwrap();
    lease
}

fn claim(batch: u64, max: usize) -> Claim {
    Claim { batch: BatchId(batch), max: NonZeroUsize::new(max).unwrap() }
}

fn tasks(entries: &[&str]) -> Vec<NewTask> {
    entries.iter().map(|entry| NewTask::new(*entry)).collect()
}

fn entries(batch: &ClaimedBatch) -> Vec<String> {
    batch.tasks.iter().map(|task| String::from_utf8(task.entry().to_vec()).unwrap()).collect()
}

async fn ready(backend: &RedisBackend, lease: &Lease) -> Vec<String> {
    entries(&backend.claim(lease, claim(u64::from(u32::MAX), 512)).await.unwrap())
}

fn letter(entry: &str) -> DeadLetter {
    DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["it broke".to_owned()], entry.as_bytes().to_vec())
}

fn lock() -> UniqueLock {
    UniqueLock { digest: "d".to_owned(), ttl: TTL }
}

/// Waits for `condition`, which something else brings about at once.
async fn until(mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the condition does not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn source_of(error: &BackendError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}
