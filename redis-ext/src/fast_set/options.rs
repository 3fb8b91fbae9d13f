//! What a user may choose.

use std::time::Duration;

use super::WhenStale;

/// How a set is kept fresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) timeout: Duration,
    pub(super) heartbeat: Duration,
    pub(super) when_stale: WhenStale,
}

/// How many heartbeats a pushed view outlives: the one that is due, one that is late, and one for the way.
const HEARTBEATS_OUTLIVED: u32 = 3;

/// No interval is shorter: the store is not to be asked in a tight loop.
pub(super) const SHORTEST: Duration = Duration::from_millis(10);

impl Options {
    pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
    pub(super) const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(1);

    /// How long a proof is good for while changes are pushed.
    pub(super) fn good_for_pushed(&self) -> Duration {
        self.timeout.min(self.heartbeat * HEARTBEATS_OUTLIVED)
    }

    /// How often a pushed view is proven.
    pub(super) fn heartbeat(&self) -> Duration {
        self.heartbeat.min(self.timeout / HEARTBEATS_OUTLIVED)
    }

    /// How often the version is looked at: so much earlier than it must be that the view is not refused meanwhile.
    pub(super) fn check_every(&self) -> Duration {
        self.timeout * 3 / 4
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.timeout < SHORTEST {
            Some("the timeout must be 10 ms at least")
        } else if self.heartbeat < SHORTEST {
            Some("the heartbeat must be 10 ms at least")
        } else {
            None
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Self::DEFAULT_TIMEOUT, heartbeat: Self::DEFAULT_HEARTBEAT, when_stale: WhenStale::default() }
    }
}
