//! The task role: each operation is one step of the queue's state machine.

use std::{pin::pin, time::Duration};

use async_trait::async_trait;
use redis_ext::{
    BackendError, BackendErrorKind, QueueName, TaskId, Timestamp,
    backend::{
        Claim, ClaimedBatch, DeadLetters, Due, Enqueued, Lease, NewTask, Operation, Page, Promoted, QueueStats,
        Recovered, Recovery, Retention, Selection, Settlement, TaskBackend,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    MemoryBackend,
    queue::{LeaseLost, Queue},
};

impl MemoryBackend {
    /// A step that cannot fail but by a planned fault.
    async fn step<R>(
        &self,
        operation: Operation,
        queue: &QueueName,
        step: impl FnOnce(&mut Queue, Timestamp) -> R,
    ) -> Result<R, BackendError> {
        self.faults.around(operation, async { Ok(self.store.change(queue, step)) }).await
    }

    /// A step that only the holder of a lease may take.
    async fn leased_step<R>(
        &self,
        operation: Operation,
        lease: &Lease,
        step: impl FnOnce(&mut Queue, Timestamp) -> Result<R, LeaseLost>,
    ) -> Result<R, BackendError> {
        let lost = |LeaseLost| BackendError::new(BackendErrorKind::LeaseLost, operation);
        self.faults.around(operation, async { self.store.change(&lease.queue, step).map_err(lost) }).await
    }

    /// Waits until a claim gives something, `patience` is over, or `stop` is cancelled.
    async fn wait_and_claim(
        &self,
        lease: &Lease,
        claim: Claim,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<ClaimedBatch, BackendError> {
        let bells = self.store.bells(&lease.queue);
        let mut patience = pin!(tokio::time::sleep(patience));
        let nothing = || ClaimedBatch { at: self.store.clock.now(), ..ClaimedBatch::default() };
        if stop.is_cancelled() {
            return Ok(nothing());
        }
        loop {
            // The bell is listened to before the queue is looked at, so that no push falls between the two.
            let mut ready = pin!(bells.ready.notified());
            ready.as_mut().enable();
            let claimed = self.store.change(&lease.queue, |queue, now| queue.claim(lease.worker, claim, now));
            let batch =
                claimed.map_err(|LeaseLost| BackendError::new(BackendErrorKind::LeaseLost, Operation::Claim))?;
            if !batch.tasks.is_empty() {
                return Ok(batch);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(nothing()),
                () = ready => {}
                () = &mut patience => return Ok(nothing()),
            }
        }
    }
}

#[async_trait]
impl TaskBackend for MemoryBackend {
    async fn enqueue(&self, queue: &QueueName, tasks: &[NewTask]) -> Result<Vec<Enqueued>, BackendError> {
        NewTask::check_sizes(tasks, self.max_entry_bytes, Operation::Enqueue)?;
        self.step(Operation::Enqueue, queue, |queue, now| queue.enqueue(tasks, now)).await
    }

    async fn schedule(&self, queue: &QueueName, tasks: &[NewTask], due: Due) -> Result<Vec<Enqueued>, BackendError> {
        NewTask::check_sizes(tasks, self.max_entry_bytes, Operation::Schedule)?;
        self.step(Operation::Schedule, queue, |queue, now| queue.schedule(tasks, due, now)).await
    }

    async fn promote(&self, queue: &QueueName, max: usize) -> Result<Promoted, BackendError> {
        self.step(Operation::Promote, queue, |queue, now| queue.promote(max, now)).await
    }

    async fn join(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError> {
        self.leased_step(Operation::Join, lease, |queue, now| queue.join(lease.worker, ttl, now)).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError> {
        self.leased_step(Operation::Renew, lease, |queue, now| queue.renew(lease.worker, ttl, now)).await
    }

    async fn leave(&self, lease: &Lease) -> Result<usize, BackendError> {
        self.step(Operation::Leave, &lease.queue, |queue, _| queue.leave(lease.worker)).await
    }

    async fn claim(&self, lease: &Lease, claim: Claim) -> Result<ClaimedBatch, BackendError> {
        self.leased_step(Operation::Claim, lease, |queue, now| queue.claim(lease.worker, claim, now)).await
    }

    async fn claim_waiting(
        &self,
        lease: &Lease,
        claim: Claim,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<ClaimedBatch, BackendError> {
        self.faults.around(Operation::Claim, self.wait_and_claim(lease, claim, patience, stop)).await
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlements: &[Settlement],
        next: Option<Claim>,
    ) -> Result<ClaimedBatch, BackendError> {
        let settle = |queue: &mut Queue, now| queue.settle(lease.worker, settlements, next, now);
        self.leased_step(Operation::Settle, lease, settle).await
    }

    async fn cancel(&self, queue: &QueueName, ids: &[TaskId]) -> Result<(), BackendError> {
        self.step(Operation::Cancel, queue, |queue, now| queue.cancel(ids, now)).await
    }

    async fn cancelled(&self, queue: &QueueName, ids: &[TaskId]) -> Result<Vec<TaskId>, BackendError> {
        self.step(Operation::Cancelled, queue, |queue, _| queue.cancelled(ids)).await
    }

    async fn recover(
        &self,
        queue: &QueueName,
        rules: &Recovery,
        patience: Duration,
    ) -> Result<Recovered, BackendError> {
        self.step(Operation::Recover, queue, |queue, now| queue.recover(rules, patience, now)).await
    }

    async fn dead_letters(&self, queue: &QueueName, page: Page) -> Result<DeadLetters, BackendError> {
        self.step(Operation::DeadLetters, queue, |queue, _| queue.dead_letters(page)).await
    }

    async fn replay(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
        self.step(Operation::Replay, queue, |queue, _| queue.replay(which)).await
    }

    async fn delete_dead(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
        self.step(Operation::DeleteDead, queue, |queue, _| queue.delete_dead(which)).await
    }

    async fn trim_dead(&self, queue: &QueueName, retention: &Retention) -> Result<usize, BackendError> {
        self.step(Operation::TrimDead, queue, |queue, now| queue.trim_dead(retention, now)).await
    }

    async fn inspect(&self, queue: &QueueName) -> Result<QueueStats, BackendError> {
        self.step(Operation::Inspect, queue, |queue, _| queue.stats()).await
    }

    async fn pause(&self, queue: &QueueName) -> Result<(), BackendError> {
        self.step(Operation::Pause, queue, |queue, _| queue.set_paused(true)).await
    }

    async fn resume(&self, queue: &QueueName) -> Result<(), BackendError> {
        self.step(Operation::Resume, queue, |queue, _| queue.set_paused(false)).await
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use redis_ext::backend::{BatchId, WorkerId};

    use super::*;

    const QUEUE: QueueName = QueueName::from_static("emails");

    async fn waiter(backend: &MemoryBackend) -> tokio::task::JoinHandle<usize> {
        let (backend, lease) = (backend.clone(), Lease { queue: QUEUE, worker: WorkerId::random() });
        backend.join(&lease, Duration::from_secs(600)).await.unwrap();
        let claim = Claim { batch: BatchId(0), max: NonZeroUsize::MIN };
        tokio::spawn(async move {
            let stop = CancellationToken::new();
            backend.claim_waiting(&lease, claim, Duration::from_secs(60), &stop).await.unwrap().tasks.len()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_goes_away_hands_its_wake_up_on() {
        let backend = MemoryBackend::new();
        let (first, second) = (waiter(&backend).await, waiter(&backend).await);
        tokio::task::yield_now().await;
        backend.enqueue(&QUEUE, &[NewTask::new("1")]).await.unwrap();
        // The push has woken the first, which has not run yet.
        first.abort();
        let begun = tokio::time::Instant::now();
        assert_eq!(second.await.unwrap(), 1);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(first.await.unwrap_err().is_cancelled());
    }
}
