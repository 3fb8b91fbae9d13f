//! Calls that keep failing: how long to wait before the next try, and what to say in the log.

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;

use crate::{BackendError, Backoff};

/// The wait between tries of a call that fails: soon at first, never more than five seconds.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(5));

/// The failures of one sort of call since it last succeeded.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    failures: u32,
    until: Option<Instant>,
}

impl Trouble {
    /// Notes a failure; the next try is due at [`until`](Self::until).
    pub(crate) fn failed(&mut self, queue: &dyn Display, error: &BackendError) {
        self.failures = self.failures.saturating_add(1);
        let wait = BACKOFF.delay_after(self.failures);
        self.until = Some(Instant::now() + wait);
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        // The first failure of a sort, then one in ten: a long outage must not flood the log.
        if self.failures % 10 == 1 {
            tracing::warn!(%queue, failures = self.failures, ?wait, %error, cause, "a call to the backend failed: will retry");
        }
    }

    /// Notes a success.
    pub(crate) fn over(&mut self, queue: &dyn Display) {
        if self.failures > 0 {
            tracing::info!(%queue, failures = self.failures, "the backend answers again");
            *self = Self::default();
        }
    }

    /// Whether the last call failed.
    pub(crate) fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// Whether a try is due now.
    pub(crate) fn may_try(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    /// When the next try is due, unless all is well.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Waits until the next try is due.
    pub(crate) async fn wait(&self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
        }
    }
}
