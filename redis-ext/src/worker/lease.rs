//! For how long what was claimed stays the claimer's own: the same rules for workers and for debounce schedulers.

use std::time::Duration;

use super::BuildError;

/// How a worker or a scheduler holds on to what it has claimed, and lets go of it; set through the
/// [builder](super::WorkerSupervisorBuilder) of the [one](super::WorkerSupervisorBuilder::lease) or the
/// [other](crate::debounce::DebounceSchedulerBuilder::lease).
///
/// # Examples
/// See [`WorkerSupervisorBuilder`](super::WorkerSupervisorBuilder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseOptions {
    /// How long what was claimed stays the claimer's own after its last sign of life.
    pub lease: Duration,
    /// How often a sign of life is given.
    pub heartbeat: Duration,
    /// How long what is running may go on once a shutdown has begun.
    pub grace: Duration,
}

impl LeaseOptions {
    /// [`lease`](Self::lease) unless told otherwise.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(5);
    /// [`heartbeat`](Self::heartbeat) unless told otherwise.
    pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(1);
    /// [`grace`](Self::grace) unless told otherwise: what orchestrators allow, less a margin.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(25);
    /// The shortest [`heartbeat`](Self::heartbeat).
    pub const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(10);
    /// The longest [`lease`](Self::lease): a day.
    pub const LONGEST_LEASE: Duration = Duration::from_secs(24 * 3600);

    /// Whether the lease can be kept by these heartbeats.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let Self { lease, heartbeat, .. } = *self;
        let too_short = heartbeat < Self::SHORTEST_HEARTBEAT || lease / 2 < heartbeat;
        if too_short || lease > Self::LONGEST_LEASE {
            return Err(BuildError::Lease { lease, heartbeat });
        }
        Ok(())
    }
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self { lease: Self::DEFAULT_LEASE, heartbeat: Self::DEFAULT_HEARTBEAT, grace: Self::DEFAULT_GRACE }
    }
}
