//! The handle of a running supervisor: wait for the end, or bring it about.

use std::{sync::Arc, time::Duration};

use super::shutdown::{EndSignals, Shutdown, until_idle};
use crate::{
    Error, QueueName,
    backend::{QueueStats, TaskBackend},
};

/// Running workers. Dropping this leaves them running until the actix System ends; [`shutdown`](Self::shutdown) ends
/// them in good order.
///
/// # Examples
/// See [`WorkerSupervisorBuilder`](super::WorkerSupervisorBuilder).
#[must_use = "workers that nobody shuts down end with the System, and their tasks wait until the leases expire"]
pub struct Workers {
    backend: Arc<dyn TaskBackend>,
    queues: Vec<QueueName>,
    grace: Duration,
    shutdown: Shutdown,
}

impl Workers {
    pub(super) fn new(
        backend: Arc<dyn TaskBackend>,
        queues: Vec<QueueName>,
        grace: Duration,
        shutdown: Shutdown,
    ) -> Self {
        Self { backend, queues, grace, shutdown }
    }

    /// Runs until SIGINT or SIGTERM asks for the end, then shuts down as [`shutdown`](Self::shutdown) does. A second
    /// signal cuts the grace time short.
    ///
    /// # Errors
    /// [`Error::Signals`] when the signals cannot be listened to; the workers go on running. [`Error::TaskFailed`] when
    /// a queue's policy is to stop at the first failure, and one has failed.
    pub async fn run_until_signal(self) -> Result<(), Error> {
        let mut signals = EndSignals::listen().map_err(Error::Signals)?;
        tokio::select! {
            () = signals.next() => tracing::info!("shutting down: running tasks have {:?}", self.grace),
            () = self.shutdown.draining() => {}
        }
        self.shutdown_or_abort_by(signals).await
    }

    /// Runs until nothing is ready, claimed or scheduled in the queues of these workers, then shuts down: for batch
    /// programs and tests. SIGINT and SIGTERM end it earlier, as in [`run_until_signal`](Self::run_until_signal).
    ///
    /// # Errors
    /// As [`run_until_signal`](Self::run_until_signal), and [`Error::Backend`] when the queues cannot be looked at and
    /// waiting does not help; the workers are shut down.
    pub async fn run_until_idle(self) -> Result<(), Error> {
        let mut signals = EndSignals::listen().map_err(Error::Signals)?;
        let idle = tokio::select! {
            idle = until_idle(async || self.is_idle().await) => idle,
            () = signals.next() => Ok(()),
            () = self.shutdown.draining() => Ok(()),
        };
        self.shutdown_or_abort_by(signals).await?;
        idle
    }

    async fn shutdown_or_abort_by(self, mut signals: EndSignals) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let abort = async {
            signals.next().await;
            tracing::warn!("a second signal: aborting what still runs");
            shutdown.abort();
            std::future::pending().await
        };
        tokio::select! {
            result = self.shutdown() => result,
            never = abort => never,
        }
    }

    /// Shuts down in good order: nothing more is claimed, what no handler has begun goes back to the queue, and
    /// running tasks may end within the grace time. Then they are aborted and go back too.
    ///
    /// It listens to no signal. Where a web server in the same process does, await the server, whose last requests may still
    /// enqueue, and then this; the two grace times add up.
    ///
    /// # Errors
    /// [`Error::TaskFailed`] when a queue's policy is to stop at the first failure, and one has failed.
    ///
    /// # Cancel safety
    /// The shutdown goes on when the future is dropped, but without a limit on the grace time.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Resize { width: u32 }
    ///
    /// # actix::System::new().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// let workers = WorkerSupervisor::builder(backend)
    ///     .handler_fn(Concurrency::new(4), |_: Task<Resize>| async { Ok(()) })
    ///     .start()?;
    /// // … the rest of the program, until it wants to end:
    /// workers.shutdown().await
    /// # }).unwrap();
    /// ```
    pub async fn shutdown(self) -> Result<(), Error> {
        self.shutdown.drain();
        if tokio::time::timeout(self.grace, self.shutdown.closed()).await.is_err() {
            tracing::warn!("the grace time of {:?} is over: aborting what still runs", self.grace);
            self.shutdown.abort();
            self.shutdown.closed().await;
        }
        match self.shutdown.take_failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn is_idle(&self) -> Result<bool, Error> {
        for queue in &self.queues {
            match self.backend.inspect(queue).await {
                Ok(QueueStats { ready: 0, claimed: 0, scheduled: 0, .. }) => {}
                Ok(_) => return Ok(false),
                Err(error) if error.is_retryable() => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("queues", &self.queues).field("grace", &self.grace).finish_non_exhaustive()
    }
}
