//! A worker's sign of life: the lease is renewed until it is lost or the worker leaves.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{WorkerOptions, trouble::Trouble};
use crate::{Backend, BackendErrorKind, backend::Lease};

/// Renews `lease` until `left` is cancelled; cancels `lost` when somebody else has taken the worker's tasks over.
pub(crate) async fn keep_alive(
    backend: Arc<dyn Backend>,
    lease: Lease,
    options: WorkerOptions,
    lost: CancellationToken,
    left: CancellationToken,
) {
    let mut trouble = Trouble::default();
    loop {
        tokio::select! {
            () = left.cancelled() => return,
            () = tokio::time::sleep(options.heartbeat) => {}
        }
        match backend.renew(&lease, options.lease).await {
            Ok(()) => trouble.over(&lease.queue),
            Err(error) if error.kind() == BackendErrorKind::LeaseLost => return lost.cancel(),
            Err(error) => trouble.failed(&lease.queue, &error),
        }
    }
}
