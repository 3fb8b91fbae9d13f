//! The stages of a shutdown, and what brings one about: signals, or that nothing is left to do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::Error;

/// How far a shutdown has come, as every lane sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
    closed: CancellationToken,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Shutdown {
    /// No more claims: running tasks go on, what was not begun goes back.
    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    /// Drains because of an error, which the end of the workers returns; the first one counts.
    pub(crate) fn drain_for(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.drain();
    }

    /// Why the workers drain, if an error is the reason.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Running tasks end and go back too.
    pub(crate) fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }

    /// All lanes have ended.
    pub(crate) fn close(&self) {
        self.abort();
        self.closed.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    pub(crate) async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Cancelled when runs are to end.
    pub(crate) fn abort_token(&self) -> &CancellationToken {
        &self.abort
    }
}

/// The signals that end a process: SIGINT and SIGTERM, and on Windows Ctrl-C.
#[derive(Debug)]
pub(crate) struct EndSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl EndSignals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// How often it is looked whether anything is left to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `is_idle`.
pub(crate) async fn until_idle(is_idle: impl AsyncFn() -> Result<bool, Error>) -> Result<(), Error> {
    // The places are looked at one after the other, and a handler may add to one that was seen empty: the second look in a
    // row would find it.
    let mut idle_looks = 0;
    while idle_looks < 2 {
        idle_looks = if is_idle().await? { idle_looks + 1 } else { 0 };
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
