//! One queue on one arbiter: a row of incarnations, each of which works until its lease is lost or the lane drains.

use std::{rc::Rc, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    ErrorPolicy, RestartBudget, WorkerOptions,
    attempt::Attempts,
    heartbeat,
    quota::QueueQuota,
    restarts::Restarts,
    runner::Runner,
    shift::{Shift, ShiftEnd},
    shutdown::Shutdown,
    suspicion::Court,
    trouble::Trouble,
};
use crate::{
    Backoff, QueueName, TaskOptions,
    backend::{Lease, TaskBackend, WorkerId},
};

/// How long a lane tries to settle and to leave after it was told to abort. What it could not give back by then
/// goes back when its lease expires.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// The wait before the next incarnation when leases are lost sooner than they could expire.
const REJOIN: Backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(5));

/// Runs a future beside the lane, on an arbiter that handlers do not block.
pub(crate) type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

pub(crate) struct Lane {
    pub(crate) backend: Arc<dyn TaskBackend>,
    pub(crate) queue: QueueName,
    pub(crate) concurrency: usize,
    pub(crate) prefetch: usize,
    pub(crate) error_policy: ErrorPolicy,
    pub(crate) restart_budget: RestartBudget,
    pub(crate) quota: Option<QueueQuota>,
    pub(crate) court: Court,
    pub(crate) task_options: TaskOptions,
    pub(crate) options: WorkerOptions,
    pub(crate) shutdown: Shutdown,
    pub(crate) spawn: Spawn,
    /// To be told when a retry was scheduled.
    pub(crate) retry_scheduled: Arc<Notify>,
}

impl Lane {
    /// Works until it is told to drain.
    pub(crate) async fn run(self, runner: Rc<dyn Runner>) {
        let mut restarts = Restarts::new(self.restart_budget);
        let mut short_shifts = 0;
        while !self.shutdown.is_draining() {
            let lease = Lease { queue: self.queue.clone(), worker: WorkerId::random() };
            if self.join(&lease).await {
                tracing::debug!(queue = %lease.queue, worker = %lease.worker, "worker joined");
                let joined = Instant::now();
                self.shift(&lease, &*runner, &mut restarts).await;
                short_shifts = if joined.elapsed() < self.options.hold.lease { short_shifts + 1 } else { 0 };
            }
            if short_shifts > 0 {
                tokio::select! {
                    () = self.shutdown.draining() => {}
                    () = tokio::time::sleep(REJOIN.delay_after(short_shifts)) => {}
                }
            }
        }
    }

    async fn shift(&self, lease: &Lease, runner: &dyn Runner, restarts: &mut Restarts) {
        let (lost, left) = (CancellationToken::new(), CancellationToken::new());
        let _stop_heartbeat = left.clone().drop_guard();
        let (backend, hold) = (Arc::clone(&self.backend), self.options.hold);
        (self.spawn)(Box::pin(heartbeat::keep_alive(backend, lease.clone(), hold, lost.clone(), left)));

        let abort = self.shutdown.abort_token().child_token();
        let _abort_runs = abort.clone().drop_guard();
        let attempts = Attempts { queue: &self.queue, options: &self.task_options, runner, abort: &abort };
        let end = tokio::select! {
            end = Shift::new(self, lease, &attempts, restarts).work(&lost) => end,
            () = self.last_call() => {
                tracing::error!(queue = %lease.queue, worker = %lease.worker, "not all outcomes could be settled before the end");
                return;
            }
        };
        match end {
            ShiftEnd::Drained => self.leave(lease).await,
            ShiftEnd::LeaseLost => {
                tracing::warn!(queue = %lease.queue, worker = %lease.worker, "the lease was lost: starting anew");
            }
        }
    }

    /// Whether it worked, before the lane was told to drain.
    async fn join(&self, lease: &Lease) -> bool {
        let mut trouble = Trouble::default();
        loop {
            match self.backend.join(lease, self.options.hold.lease).await {
                Ok(()) => return true,
                Err(error) => trouble.failed(&self.queue, &error),
            }
            tokio::select! {
                () = self.shutdown.draining() => {
                    // One of the failed calls may have been applied.
                    self.leave(lease).await;
                    return false;
                }
                () = trouble.wait() => {}
            }
        }
    }

    async fn leave(&self, lease: &Lease) {
        let mut trouble = Trouble::default();
        let leave = async {
            while let Err(error) = self.backend.leave(lease).await {
                trouble.failed(&self.queue, &error);
                trouble.wait().await;
            }
        };
        if tokio::time::timeout(LAST_CALLS, leave).await.is_err() {
            tracing::error!(queue = %lease.queue, worker = %lease.worker, "the lease could not be given back and will expire");
        }
    }

    async fn last_call(&self) {
        self.shutdown.aborted().await;
        tokio::time::sleep(LAST_CALLS).await;
    }
}
