//! What somebody must do for each queue now and then: promote what is due, recover what the dead left, trim.
//!
//! Every supervisor does it for its own queues; that several do it at once does no harm.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{LeaseOptions, WorkerOptions, shutdown::Shutdown, trouble::Trouble};
use crate::{
    BackendError, QueueName,
    backend::{MAX_BATCH, Promoted, TaskBackend},
};

/// How often scheduled tasks are looked at although none is known to be due: others may have scheduled some.
const PROMOTE_EVERY: Duration = Duration::from_millis(100);
/// How often the dead letters are trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(30);

pub(crate) struct Maintenance {
    pub(crate) backend: Arc<dyn TaskBackend>,
    pub(crate) queue: QueueName,
    pub(crate) options: WorkerOptions,
    /// Told when a task was scheduled that may be due earlier than any other.
    pub(crate) scheduled: Arc<Notify>,
    pub(crate) shutdown: Shutdown,
}

impl Maintenance {
    /// Goes on until the supervisor's lanes have all ended.
    pub(crate) async fn run(self) {
        tokio::select! {
            () = self.shutdown.closed() => {}
            () = self.promote() => {}
            () = self.recover() => {}
            () = self.trim() => {}
        }
    }

    async fn promote(&self) {
        let mut trouble = Trouble::default();
        loop {
            let answer = self.backend.promote(&self.queue, MAX_BATCH).await;
            let Promoted { next_due, .. } = self.note(&mut trouble, answer);
            trouble.wait().await;
            let wait = next_due.map_or(PROMOTE_EVERY, |due| due.min(PROMOTE_EVERY));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.scheduled.notified() => {}
            }
        }
    }

    async fn recover(&self) {
        let mut trouble = Trouble::default();
        let WorkerOptions { hold: LeaseOptions { lease, heartbeat, .. }, recovery, .. } = self.options;
        // An interruption by less than this leaves every lease some of its time; and it is noticed, as calls are twice as
        // frequent.
        let patience = lease / 2;
        let every = heartbeat.min(patience / 2);
        loop {
            let answer = self.backend.recover(&self.queue, &recovery, patience).await;
            // A call that failed is not waited for any longer: a watch that is late takes itself for interrupted.
            let recovered = self.note(&mut trouble, answer);
            if recovered.requeued + recovered.buried > 0 {
                let (requeued, buried) = (recovered.requeued, recovered.buried);
                tracing::warn!(queue = %self.queue, requeued, buried, "recovered the tasks of a dead worker");
            }
            if !recovered.more {
                tokio::time::sleep(every).await;
            }
        }
    }

    async fn trim(&self) {
        let mut trouble = Trouble::default();
        loop {
            let answer = self.backend.trim_dead(&self.queue, &self.options.retention).await;
            let trimmed = self.note(&mut trouble, answer);
            trouble.wait().await;
            if trimmed < MAX_BATCH {
                tokio::time::sleep(TRIM_EVERY).await;
            }
        }
    }

    /// The answer, or nothing when the call failed.
    fn note<T: Default>(&self, trouble: &mut Trouble, answer: Result<T, BackendError>) -> T {
        match answer {
            Ok(answer) => {
                trouble.over(&self.queue);
                answer
            }
            Err(error) => {
                trouble.failed(&self.queue, &error);
                T::default()
            }
        }
    }
}
