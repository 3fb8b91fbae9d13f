//! What a case works with: a backend, a queue of its own, and workers on it.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    Timestamp,
    backend::{
        Backend, BackendError, BatchId, Claim, Claimed, ClaimedBatch, DeadLetter, DeathReason, Lease, MAX_BATCH,
        NewTask, Page, QueueStats, Recovered, Recovery, Settlement, TaskBackend, WorkerId,
    },
    task::{Envelope, QueueName, TaskId},
};

/// A lease that outlives every case.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// A lease that [`Subject::expire`] waits out.
pub(super) const SHORT: Duration = Duration::from_millis(150);

/// A backend under test and a queue that no other case uses.
///
/// # Examples
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use redis_ext::backend::conformance::{Subject, tasks_come_out_in_the_order_in_which_they_went_in};
/// use redis_ext_memory::MemoryBackend;
///
/// let subject = Subject::new(MemoryBackend::new());
/// tasks_come_out_in_the_order_in_which_they_went_in(&subject).await;
/// # });
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Subject {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// The queue.
    pub queue: QueueName,
}

impl Subject {
    /// The subject of one case: `backend` with a fresh queue.
    #[must_use]
    pub fn new(backend: impl Backend) -> Self {
        Self { backend: Arc::new(backend), queue: fresh_queue("conformance") }
    }

    /// The same backend with another fresh queue, whose name begins with `prefix`.
    pub(super) fn other_queue(&self, prefix: &str) -> Self {
        Self { queue: fresh_queue(prefix), ..self.clone() }
    }

    /// Enqueues numbers as bare JSON payloads.
    pub(super) async fn push(&self, numbers: impl IntoIterator<Item = u64>) {
        let tasks: Vec<_> = numbers.into_iter().map(task).collect();
        for slice in tasks.chunks(MAX_BATCH) {
            assert_eq!(self.backend.enqueue(&self.queue, slice).await.unwrap().len(), slice.len());
        }
    }

    pub(super) async fn worker(&self) -> Worker {
        self.worker_for(LONG).await
    }

    /// A worker about to die: its lease is not renewed.
    pub(super) async fn doomed_worker(&self) -> Worker {
        self.worker_for(SHORT).await
    }

    pub(super) async fn worker_for(&self, ttl: Duration) -> Worker {
        let worker = self.stranger();
        worker.join(ttl).await.unwrap();
        worker
    }

    /// A worker that has not joined.
    pub(super) fn stranger(&self) -> Worker {
        let lease = Lease { queue: self.queue.clone(), worker: WorkerId::random() };
        Worker { backend: self.backend.clone(), lease, batches: AtomicU64::new(0) }
    }

    /// Waits until the leases of doomed workers have expired.
    pub(super) async fn expire(&self) {
        tokio::time::sleep(SHORT * 2).await;
    }

    pub(super) async fn recover(&self) -> Recovered {
        self.recover_with(Duration::ZERO).await
    }

    pub(super) async fn recover_with(&self, patience: Duration) -> Recovered {
        self.backend.recover(&self.queue, &Recovery::default(), patience).await.unwrap()
    }

    /// Waits until doomed workers are dead, and takes back what they had; the answer is how many tasks.
    pub(super) async fn expire_and_recover(&self) -> usize {
        self.expire().await;
        let recovered = self.recover().await;
        assert!(!recovered.more && recovered.buried == 0, "{recovered:?}");
        recovered.requeued
    }

    pub(super) async fn stats(&self) -> QueueStats {
        self.backend.inspect(&self.queue).await.unwrap()
    }

    /// How many tasks are ready, claimed, scheduled and dead.
    pub(super) async fn counts(&self) -> [usize; 4] {
        let QueueStats { ready, claimed, scheduled, dead, .. } = self.stats().await;
        [ready, claimed, scheduled, dead]
    }

    pub(super) async fn promote(&self) -> usize {
        self.backend.promote(&self.queue, MAX_BATCH).await.unwrap().moved
    }

    /// Claims everything that is ready, settles it as done, and gives the entries.
    pub(super) async fn drain(&self) -> Vec<Vec<u8>> {
        let worker = self.worker().await;
        let mut entries = Vec::new();
        loop {
            let tasks = worker.claim(MAX_BATCH).await;
            if tasks.is_empty() {
                worker.leave().await;
                return entries;
            }
            entries.extend(tasks.iter().map(|task| task.entry().to_vec()));
            worker.settle(tasks.into_iter().map(Claimed::done)).await;
        }
    }

    /// The same for numbers.
    pub(super) async fn drain_numbers(&self) -> Vec<u64> {
        self.drain().await.iter().map(|entry| number(entry)).collect()
    }

    /// Lets tasks with these entries die one after the other, each in a call of its own; gives their IDs.
    pub(super) async fn bury(&self, entries: impl IntoIterator<Item: Into<Vec<u8>>>) -> Vec<TaskId> {
        let worker = self.worker().await;
        let mut ids = Vec::new();
        for entry in entries {
            let task = NewTask::new(entry);
            assert_eq!(self.backend.enqueue(&self.queue, std::slice::from_ref(&task)).await.unwrap().len(), 1);
            let claimed = worker.claim_one().await;
            worker.settle([claimed.dead(letter(task.id, task.entry))]).await;
            ids.push(task.id);
        }
        worker.leave().await;
        ids
    }

    pub(super) async fn dead(&self) -> Vec<DeadLetter> {
        self.backend.dead_letters(&self.queue, Page::default()).await.unwrap().letters
    }
}

/// A worker incarnation on the subject's queue, which numbers its batches.
pub(super) struct Worker {
    backend: Arc<dyn Backend>,
    pub(super) lease: Lease,
    batches: AtomicU64,
}

impl Worker {
    pub(super) async fn join(&self, ttl: Duration) -> Result<(), BackendError> {
        self.backend.join(&self.lease, ttl).await
    }

    pub(super) async fn renew(&self, ttl: Duration) -> Result<(), BackendError> {
        self.backend.renew(&self.lease, ttl).await
    }

    /// A wish for up to `max` tasks in a batch of its own.
    pub(super) fn next(&self, max: usize) -> Claim {
        Claim { batch: BatchId(self.batches.fetch_add(1, Ordering::Relaxed)), max: NonZeroUsize::new(max).unwrap() }
    }

    pub(super) async fn claim(&self, max: usize) -> Vec<Claimed> {
        self.try_claim(self.next(max)).await.unwrap().tasks
    }

    pub(super) async fn claim_one(&self) -> Claimed {
        self.claim(1).await.pop().unwrap()
    }

    pub(super) async fn try_claim(&self, claim: Claim) -> Result<ClaimedBatch, BackendError> {
        self.backend.claim(&self.lease, claim).await
    }

    pub(super) async fn wait(&self, max: usize, patience: Duration) -> Vec<Claimed> {
        self.try_wait(self.next(max), patience, &CancellationToken::new()).await.unwrap().tasks
    }

    pub(super) async fn try_wait(
        &self,
        claim: Claim,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<ClaimedBatch, BackendError> {
        self.backend.claim_waiting(&self.lease, claim, patience, stop).await
    }

    pub(super) async fn settle(&self, settlements: impl IntoIterator<Item = Settlement>) {
        let settlements: Vec<_> = settlements.into_iter().collect();
        let next = self.try_settle(&settlements, None).await.unwrap();
        assert!(next.tasks.is_empty(), "nothing was to be claimed: {next:?}");
    }

    pub(super) async fn try_settle(
        &self,
        settlements: &[Settlement],
        next: Option<Claim>,
    ) -> Result<ClaimedBatch, BackendError> {
        self.backend.settle(&self.lease, settlements, next).await
    }

    pub(super) async fn leave(&self) -> usize {
        self.backend.leave(&self.lease).await.unwrap()
    }
}

/// A bare task whose payload is a number.
pub(super) fn task(number: u64) -> NewTask {
    NewTask::new(number.to_string())
}

/// A dead letter with nothing special about it.
pub(super) fn letter(id: TaskId, entry: impl Into<Vec<u8>>) -> DeadLetter {
    DeadLetter::new(id, DeathReason::Fatal, vec!["given up".to_owned()], entry.into())
}

/// A task in an envelope.
pub(super) fn envelope(id: TaskId, payload: &str) -> Envelope<'_> {
    Envelope::new(id, Timestamp::from_millis(7), payload.as_bytes())
}

/// The number that is the payload of an entry, which may have got an envelope on its way.
pub(super) fn number(entry: &[u8]) -> u64 {
    serde_json::from_slice(Envelope::parse(entry).unwrap().payload()).unwrap()
}

pub(super) fn numbers(tasks: &[Claimed]) -> Vec<u64> {
    tasks.iter().map(|task| number(task.entry())).collect()
}

/// Entries that a careless backend would spoil.
pub(super) fn odd_entries() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"\n".to_vec(),
        b"\0".to_vec(),
        b"\r\n$5\r\n".to_vec(),
        b"\xff\xfe not UTF-8 \xc3".to_vec(),
        (0..=255).collect(),
        "кириллица, 漢字, 🦀".into(),
        br#"{"redis_ext":99,"payload":1}"#.to_vec(),
        br#"{"redis_ext":1}"#.to_vec(),
        b"{\"a\":".to_vec(),
        b"1.0".to_vec(),
        vec![b'x'; 100_000],
    ]
}

fn fresh_queue(prefix: &str) -> QueueName {
    QueueName::new(format!("{prefix}-{}", TaskId::random())).unwrap()
}
