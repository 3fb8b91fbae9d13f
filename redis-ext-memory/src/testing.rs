//! What tests look at: the contents of a queue, the moment when it has nothing left to do, and faults.

use std::{pin::pin, sync::Arc, time::SystemTime};

use redis_ext::{QueueName, RedisTask, task::Envelope};

use crate::{Faults, MemoryBackend, faults::FaultPlan, queue::Queue};

/// For tests.
impl MemoryBackend {
    /// The time by the backend's clock, which is tokio's: it moves when a test advances that one.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// let backend = MemoryBackend::new();
    /// let begun = backend.now();
    /// tokio::time::advance(Duration::from_secs(3600)).await;
    /// assert_eq!(backend.now(), begun + Duration::from_secs(3600));
    /// # });
    /// ```
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.store.clock.now().into()
    }

    /// The entries that are ready, the next one first.
    ///
    /// # Examples
    /// See [`queued_tasks`](Self::queued_tasks).
    #[must_use]
    pub fn queued(&self, queue: &QueueName) -> Vec<Vec<u8>> {
        self.store.read(queue, |queue| queue.ready().cloned().collect())
    }

    /// The tasks that are ready in the queue of their type, the next one first.
    ///
    /// # Panics
    /// When one of them is no `T`.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(Debug, PartialEq, RedisTask)]
    /// #[redis_task(wire = "bare")]
    /// struct Resize { width: u32 }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let backend = MemoryBackend::new();
    /// let _ = Resize { width: 640 }.enqueue(&backend).await?;
    /// assert_eq!(backend.queued_tasks::<Resize>(), [Resize { width: 640 }]);
    /// assert_eq!(backend.queued(&Resize::QUEUE), [br#"{"width":640}"#]);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    #[expect(clippy::panic, reason = "a test's helper says by a panic that the test's assumption is wrong")]
    pub fn queued_tasks<T: RedisTask>(&self) -> Vec<T> {
        let decode = |entry: Vec<u8>| match Envelope::parse(&entry) {
            Ok(envelope) => T::decode(envelope.payload()).unwrap_or_else(|error| panic!("{error}")),
            Err(error) => panic!("{error}"),
        };
        self.queued(&T::QUEUE).into_iter().map(decode).collect()
    }

    /// The entries that wait for their time, with it, the earliest first.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use redis_ext::{QueueName, backend::{Due, NewTask, TaskBackend}};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// const QUEUE: QueueName = QueueName::from_static("reports");
    /// let backend = MemoryBackend::new();
    /// backend.schedule(&QUEUE, &[NewTask::new("1")], Due::In(Duration::from_secs(60))).await?;
    /// assert_eq!(backend.scheduled(&QUEUE), [(backend.now() + Duration::from_secs(60), b"1".to_vec())]);
    /// # Ok::<(), redis_ext::BackendError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn scheduled(&self, queue: &QueueName) -> Vec<(SystemTime, Vec<u8>)> {
        self.store.read(queue, |queue| queue.scheduled().map(|(due, entry)| (due.into(), entry.clone())).collect())
    }

    /// The entries that belong to a worker and are not settled, those of one worker in the order of their claim.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::QueueName;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// assert!(MemoryBackend::new().claimed(&QueueName::from_static("emails")).is_empty());
    /// ```
    #[must_use]
    pub fn claimed(&self, queue: &QueueName) -> Vec<Vec<u8>> {
        self.store.read(queue, |queue| queue.claimed().cloned().collect())
    }

    /// Waits until nothing in the queue is ready or claimed. Tasks that wait for their time do not count: see
    /// [`drained`](Self::drained).
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use redis_ext::QueueName;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// MemoryBackend::new().idle(&QueueName::from_static("emails")).await;
    /// # });
    /// ```
    pub async fn idle(&self, queue: &QueueName) {
        self.until(queue, Queue::is_idle).await;
    }

    /// Waits until nothing in the queue is ready, claimed or scheduled: retries have run, too. In a test with a
    /// paused clock, the clock jumps from one due time to the next by itself.
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use redis_ext::QueueName;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// MemoryBackend::new().drained(&QueueName::from_static("emails")).await;
    /// # });
    /// ```
    pub async fn drained(&self, queue: &QueueName) {
        self.until(queue, Queue::is_drained).await;
    }

    async fn until(&self, queue: &QueueName, condition: impl Fn(&Queue) -> bool) {
        let bells = self.store.bells(queue);
        loop {
            let mut rung = pin!(bells.idle.notified());
            rung.as_mut().enable();
            if self.store.read(queue, &condition) {
                return;
            }
            rung.await;
        }
    }

    /// The same store seen through a bad connection: calls on the returned backend go wrong as planned, calls on
    /// this one go as before.
    ///
    /// # Examples
    /// See [`Faults`].
    #[must_use]
    pub fn with_faults(&self, faults: Faults) -> Self {
        Self { faults: Arc::new(FaultPlan::new(faults)), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, time::Duration};

    use futures_util::FutureExt;
    use redis_ext::{
        TaskId,
        backend::{BatchId, Claim, Claimed, Lease, NewTask, TaskBackend, WorkerId},
    };

    use super::*;

    static QUEUE: QueueName = QueueName::from_static("emails");

    async fn claim_one(backend: &MemoryBackend, lease: &Lease, batch: u64) -> Claimed {
        let claim = Claim { batch: BatchId(batch), max: NonZeroUsize::MIN };
        backend.claim(lease, claim).await.unwrap().tasks.pop().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_idle_once_all_is_settled_and_drained_once_its_retries_are() {
        let backend = MemoryBackend::new();
        let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
        backend.join(&lease, Duration::from_secs(600)).await.unwrap();
        backend.enqueue(&QUEUE, &[NewTask::new("1")]).await.unwrap();
        let (mut idle, mut drained) = (Box::pin(backend.idle(&QUEUE)), Box::pin(backend.drained(&QUEUE)));
        assert!(idle.as_mut().now_or_never().is_none());

        let task = claim_one(&backend, &lease, 1).await;
        assert!(idle.as_mut().now_or_never().is_none());
        assert_eq!((backend.queued(&QUEUE).len(), backend.claimed(&QUEUE)), (0, vec![b"1".to_vec()]));

        let retry = task.retry(TaskId::random(), b"2".to_vec(), Duration::from_secs(60));
        backend.settle(&lease, &[retry], None).await.unwrap();
        assert!(idle.as_mut().now_or_never().is_some());
        assert!(drained.as_mut().now_or_never().is_none());

        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(backend.promote(&QUEUE, 1).await.unwrap().moved, 1);
        let task = claim_one(&backend, &lease, 2).await;
        assert!(drained.as_mut().now_or_never().is_none());
        backend.settle(&lease, &[task.done()], None).await.unwrap();
        assert!(drained.as_mut().now_or_never().is_some());
    }
}
