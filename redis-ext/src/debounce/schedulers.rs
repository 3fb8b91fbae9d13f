//! The handle of a running scheduler: wait for the end, or bring it about.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Error,
    backend::{DebounceBackend, DebounceKey},
    worker::{EndSignals, Shutdown, until_idle},
};

/// A running [`DebounceScheduler`](super::DebounceScheduler). Dropping this leaves it running until the actix System ends;
/// [`shutdown`](Self::shutdown) ends it in good order.
///
/// # Examples
/// See [`DebounceScheduler`](super::DebounceScheduler).
pub struct Schedulers {
    watched: Vec<(Arc<dyn DebounceBackend>, DebounceKey)>,
    grace: Duration,
    shutdown: Shutdown,
}

impl Schedulers {
    pub(super) fn new(
        watched: Vec<(Arc<dyn DebounceBackend>, DebounceKey)>,
        grace: Duration,
        shutdown: Shutdown,
    ) -> Self {
        Self { watched, grace, shutdown }
    }

    /// Runs until SIGINT or SIGTERM asks for the end, then shuts down as [`shutdown`](Self::shutdown) does. A second
    /// signal cuts the grace time short.
    ///
    /// # Errors
    /// [`Error::Signals`] when the signals cannot be listened to; the scheduler goes on running.
    pub async fn run_until_signal(self) -> Result<(), Error> {
        let mut signals = EndSignals::listen().map_err(Error::Signals)?;
        signals.next().await;
        tracing::info!("shutting down: recipients have {:?}", self.grace);
        let shutdown = self.shutdown.clone();
        let abort = async {
            signals.next().await;
            shutdown.abort();
            std::future::pending().await
        };
        tokio::select! {
            () = self.shutdown() => Ok(()),
            never = abort => never,
        }
    }

    /// Runs until nothing is pending or active in these debouncers, then shuts down: for batch programs and tests.
    ///
    /// # Errors
    /// [`Error::Backend`] when the debouncers cannot be looked at and waiting does not help; the scheduler is shut down.
    pub async fn run_until_idle(self) -> Result<(), Error> {
        let idle = until_idle(async || self.is_idle().await).await;
        self.shutdown().await;
        idle
    }

    /// Shuts down in good order: nothing more is claimed, and recipients may answer within the grace time. Then their
    /// firings are given back, for other schedulers.
    ///
    /// # Cancel safety
    /// The shutdown goes on when the future is dropped, but without a limit on the grace time.
    pub async fn shutdown(self) {
        self.shutdown.drain();
        if tokio::time::timeout(self.grace, self.shutdown.closed()).await.is_err() {
            self.shutdown.abort();
            self.shutdown.closed().await;
        }
    }

    async fn is_idle(&self) -> Result<bool, Error> {
        for (backend, key) in &self.watched {
            match backend.inspect_debounce(key).await {
                Ok(stats) if stats.pending + stats.active == 0 => {}
                Ok(_) => return Ok(false),
                Err(error) if error.is_retryable() => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for Schedulers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.watched.iter().map(|(_, key)| key).collect();
        f.debug_struct("Schedulers").field("keys", &keys).field("grace", &self.grace).finish_non_exhaustive()
    }
}
