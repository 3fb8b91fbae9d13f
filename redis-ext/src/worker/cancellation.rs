//! Tasks that somebody has cancelled: those just claimed are not begun, those that run are ended.
//!
//! A claim tells whether tasks of the queue are marked as cancelled at all. Only then the backend is asked about the
//! claimed ones; as a part of the claim's call, so that if asking fails, the whole call is repeated. About the running
//! ones it is asked as often as the heart beats.

use std::{
    cell::Cell,
    collections::HashSet,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, LocalBoxFuture},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{attempt::Outcome, judgement, trouble::Trouble};
use crate::{
    BackendError, QueueName, TaskId,
    backend::{Claimed, ClaimedBatch, Settlement, TaskBackend},
    task::Envelope,
};

/// A claim's answer, without the tasks that were cancelled.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) batch: ClaimedBatch,
    /// What becomes of those that were.
    pub(crate) cancelled: Vec<Settlement>,
}

/// Takes the tasks that were cancelled out of what was claimed. If asking fails, so has the claim: repeated, it gives
/// the same tasks.
pub(crate) async fn sift(
    backend: &dyn TaskBackend,
    queue: &QueueName,
    claimed: Result<ClaimedBatch, BackendError>,
) -> Result<Sifted, BackendError> {
    let mut batch = claimed?;
    let mut cancelled = Vec::new();
    if batch.any_cancelled {
        let ids: Vec<_> = batch.tasks.iter().filter_map(cancellable).map(|envelope| envelope.id).collect();
        let marked = if ids.is_empty() { Vec::new() } else { backend.cancelled(queue, &ids).await? };
        if !marked.is_empty() {
            let marked: HashSet<_> = marked.into_iter().collect();
            for task in std::mem::take(&mut batch.tasks) {
                let judgement = cancellable(&task)
                    .filter(|envelope| marked.contains(&envelope.id))
                    .map(|envelope| judgement::of_cancelled(queue, &envelope));
                match judgement {
                    Some(judgement) => cancelled.push(judgement.settle(task)),
                    None => batch.tasks.push(task),
                }
            }
        }
    }
    Ok(Sifted { batch, cancelled })
}

/// The envelope of a task that can be cancelled: a bare payload has no ID, and what cannot be read has none either.
fn cancellable(task: &Claimed) -> Option<Envelope<'_>> {
    Envelope::parse(task.entry()).ok().filter(|envelope| !envelope.is_bare())
}

/// A running attempt, which can be ended from outside.
pub(crate) struct Run<'l> {
    pub(crate) ticket: Rc<Ticket>,
    pub(crate) attempt: LocalBoxFuture<'l, Outcome>,
}

/// What an attempt and those who may end it share.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Known once the attempt has read its entry.
    pub(crate) id: Cell<Option<TaskId>>,
    /// Cancelled when the attempt is to end.
    pub(crate) cancellation: CancellationToken,
    revoked: Cell<bool>,
}

impl Ticket {
    pub(crate) fn new(cancellation: CancellationToken) -> Self {
        Self { id: Cell::new(None), cancellation, revoked: Cell::new(false) }
    }

    /// Ends the attempt because its task was cancelled.
    pub(crate) fn revoke(&self) {
        self.revoked.set(true);
        self.cancellation.cancel();
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.get()
    }
}

impl Future for Run<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.attempt.poll_unpin(cx)
    }
}

/// Asks now and then which of the running tasks were cancelled.
pub(crate) struct Watch {
    every: Duration,
    next: Instant,
    look: Option<BoxFuture<'static, Result<Vec<TaskId>, BackendError>>>,
    trouble: Trouble,
}

impl Watch {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, next: Instant::now() + every, look: None, trouble: Trouble::default() }
    }

    /// When the next look is due, unless one is under way.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.look.is_none().then_some(self.next)
    }

    /// Looks, if it is time.
    pub(crate) fn begin<'r>(
        &mut self,
        backend: &Arc<dyn TaskBackend>,
        queue: &QueueName,
        running: impl Iterator<Item = &'r Ticket>,
    ) {
        let now = Instant::now();
        if self.look.is_some() || now < self.next {
            return;
        }
        self.next = now + self.every;
        let ids: Vec<_> = running.filter_map(|ticket| ticket.id.get()).collect();
        if !ids.is_empty() {
            let (backend, queue) = (Arc::clone(backend), queue.clone());
            self.look = Some(Box::pin(async move { backend.cancelled(&queue, &ids).await }));
        }
    }

    /// Waits for the answer; for ever if nobody looks. What cannot be found out now is with the next look.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub(crate) async fn answer(&mut self, queue: &QueueName) -> HashSet<TaskId> {
        let Some(look) = &mut self.look else { return std::future::pending().await };
        let answer = look.await;
        self.look = None;
        match answer {
            Ok(cancelled) => {
                self.trouble.over(queue);
                cancelled.into_iter().collect()
            }
            Err(error) => {
                self.trouble.failed(queue, &error);
                HashSet::new()
            }
        }
    }
}
