//! A call to the backend that is under way, and what must be kept in case it fails.

use std::{sync::Arc, time::Duration};

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cancellation::{Sifted, sift};
use crate::{
    BackendError,
    backend::{Claim, Lease, Settlement, TaskBackend},
};

/// After this long without an answer a call hangs.
const PROMPT: Duration = Duration::from_millis(20);

pub(crate) struct Call {
    began: Instant,
    settlements: usize,
    answer: LocalBoxFuture<'static, Answered>,
}

/// How a call ended.
pub(crate) struct Answered {
    pub(crate) settlements: Vec<Settlement>,
    pub(crate) claim: Option<Claim>,
    pub(crate) result: Result<Sifted, BackendError>,
}

impl Call {
    /// Settles outcomes and claims more in the same step.
    pub(crate) fn exchange(
        backend: &Arc<dyn TaskBackend>,
        lease: &Lease,
        settlements: Vec<Settlement>,
        claim: Option<Claim>,
    ) -> Self {
        let (backend, lease) = (Arc::clone(backend), lease.clone());
        Self::begin(settlements.len(), async move {
            let claimed = match claim {
                Some(claim) if settlements.is_empty() => backend.claim(&lease, claim).await,
                _ => backend.settle(&lease, &settlements, claim).await,
            };
            let result = sift(&*backend, &lease.queue, claimed).await;
            Answered { settlements, claim, result }
        })
    }

    /// Claims as soon as something is pushed to the empty queue.
    pub(crate) fn wait_for_push(
        backend: &Arc<dyn TaskBackend>,
        lease: &Lease,
        claim: Claim,
        patience: Duration,
        stop: CancellationToken,
    ) -> Self {
        let (backend, lease) = (Arc::clone(backend), lease.clone());
        Self::begin(0, async move {
            let claimed = backend.claim_waiting(&lease, claim, patience, &stop).await;
            let result = sift(&*backend, &lease.queue, claimed).await;
            Answered { settlements: Vec::new(), claim: Some(claim), result }
        })
    }

    fn begin(settlements: usize, call: impl Future<Output = Answered> + 'static) -> Self {
        Self { began: Instant::now(), settlements, answer: Box::pin(call) }
    }

    /// The outcomes that it settles, if it hangs.
    pub(crate) fn hanging(&self) -> Option<usize> {
        (self.began.elapsed() > PROMPT).then_some(self.settlements)
    }
}

/// Waits for the call and clears its place; for ever if there is none.
///
/// # Cancel safety
/// Dropping it leaves the call under way.
pub(crate) async fn under_way(call: &mut Option<Call>) -> Answered {
    let Some(running) = call else { return std::future::pending().await };
    let answered = (&mut running.answer).await;
    *call = None;
    answered
}
