//! A worker's sign of life: the lease is renewed until it is lost or the worker leaves.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{LeaseOptions, trouble::Trouble};
use crate::{
    BackendErrorKind,
    backend::{Lease, TaskBackend},
};

/// Renews `lease` until `left` is cancelled; cancels `lost` when somebody else has taken the worker's tasks over.
pub(crate) async fn keep_alive(
    backend: Arc<dyn TaskBackend>,
    lease: Lease,
    hold: LeaseOptions,
    lost: CancellationToken,
    left: CancellationToken,
) {
    let mut trouble = Trouble::default();
    let mut pause = hold.heartbeat;
    loop {
        tokio::select! {
            () = left.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = hold.heartbeat;
        match tokio::time::timeout(hold.heartbeat, backend.renew(&lease, hold.lease)).await {
            Ok(Ok(())) => trouble.over(&lease.queue),
            Ok(Err(error)) if error.kind() == BackendErrorKind::LeaseLost => return lost.cancel(),
            Ok(Err(error)) => trouble.failed(&lease.queue, &error),
            // A renewal whose reply is lost must not cost the lease: the next one follows at once.
            Err(_no_answer) => pause = Duration::ZERO,
        }
    }
}
