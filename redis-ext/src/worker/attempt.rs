//! One attempt at one task: read the entry, run it behind the panic fence and the time limit, settle what came of it.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    cancellation::{Run, Ticket},
    judgement::{self, Ending, Judgement},
    runner::{Failure, Runner, panic_message},
};
use crate::{
    TaskError, TaskId, TaskOptions, Timestamp,
    backend::{Claimed, Settlement},
    task::{Envelope, QueueName, TaskContext},
};

/// What all attempts of one lane have in common.
pub(crate) struct Attempts<'l> {
    pub(crate) queue: &'l QueueName,
    pub(crate) options: &'l TaskOptions,
    pub(crate) runner: &'l dyn Runner,
    /// Ends every run at once; the tasks go back to the queue.
    pub(crate) abort: &'l CancellationToken,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What becomes of the task.
    pub(crate) settlement: Settlement,
    /// What went wrong in the handler, if it did.
    pub(crate) failure: Option<TaskFailure>,
}

/// A handler's failure, for those who watch over the handler.
#[derive(Debug)]
pub(crate) struct TaskFailure {
    pub(crate) id: TaskId,
    pub(crate) attempt: u32,
    pub(crate) error: TaskError,
    /// It panicked, or its actor died.
    pub(crate) crashed: bool,
}

/// When a batch was claimed: by the backend's clock, and the same moment on this process's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimedAt {
    pub(crate) backend: Timestamp,
    pub(crate) local: Instant,
}

impl ClaimedAt {
    fn now(self) -> Timestamp {
        self.backend.saturating_add(self.local.elapsed())
    }
}

impl Attempts<'_> {
    /// Runs a claimed task and says what becomes of it. Never panics, whatever the handler does.
    pub(crate) fn run(&self, task: Claimed, claimed_at: ClaimedAt) -> Run<'_> {
        let ticket = Rc::new(Ticket::new(self.abort.child_token()));
        let attempt = self.attempt(task, claimed_at, Rc::clone(&ticket)).boxed_local();
        Run { ticket, attempt }
    }

    async fn attempt(&self, task: Claimed, claimed_at: ClaimedAt, ticket: Rc<Ticket>) -> Outcome {
        let envelope = match Envelope::parse(task.entry()) {
            Ok(envelope) => envelope,
            Err(error) => {
                let judgement = judgement::of_unreadable(self.queue, task.entry(), error);
                return Outcome { settlement: judgement.settle(task), failure: None };
            }
        };
        // The fence is around everything that runs code of the handler's: its future's drop and its error's text, too.
        let judged = AssertUnwindSafe(self.judged(&envelope, claimed_at, &ticket)).catch_unwind().await;
        let (judgement, failure) = judged.unwrap_or_else(|panic| {
            let ending = Ending::panicked(panic_message(&*panic));
            (judgement::of(self.queue, self.options, &envelope, &ending), failure_of(&envelope, ending))
        });
        Outcome { settlement: judgement.settle(task), failure }
    }

    async fn judged(
        &self,
        envelope: &Envelope<'_>,
        claimed_at: ClaimedAt,
        ticket: &Ticket,
    ) -> (Judgement, Option<TaskFailure>) {
        let ending = match envelope.deadline.map(|deadline| claimed_at.now().saturating_since(deadline)) {
            Some(late) if !late.is_zero() => Ending::DeadlinePassed { late },
            _ => self.run_to_its_end(envelope, ticket).await,
        };
        // However it ended, nobody wants the task any more.
        let ending = if ticket.is_revoked() { Ending::Cancelled } else { ending };
        (judgement::of(self.queue, self.options, envelope, &ending), failure_of(envelope, ending))
    }

    async fn run_to_its_end(&self, envelope: &Envelope<'_>, ticket: &Ticket) -> Ending {
        ticket.id.set((!envelope.is_bare()).then_some(envelope.id));
        let cancellation = ticket.cancellation.clone();
        let _cancelled_at_the_end = cancellation.clone().drop_guard();
        let context = TaskContext {
            id: envelope.id,
            queue: self.queue.clone(),
            attempt: envelope.attempt.saturating_add(1),
            max_attempts: judgement::max_attempts(self.options, envelope),
            enqueued_at: envelope.enqueued_at.map(Into::into),
            deadline: envelope.deadline.map(Into::into),
            cancellation,
        };
        let timeout = match envelope.overrides.timeout {
            None => self.options.timeout,
            Some(Duration::ZERO) => None,
            some => some,
        };
        tokio::select! {
            biased;
            result = self.runner.run(envelope.payload(), context) => match result {
                Ok(()) => Ending::Done,
                // A handler that was told to stop has no other way to say that it did.
                Err(Failure::Error(error)) if self.abort.is_cancelled() && !error.is_fatal() => Ending::Aborted,
                Err(Failure::Error(error)) => Ending::Failed(error),
                Err(Failure::Undecodable(error)) => Ending::Undecodable(error),
                Err(Failure::ActorGone) => Ending::Crashed(TaskError::new(
                    "the handler's actor panicked, stopped, or dropped the task without an answer",
                )),
                Err(Failure::Panicked(message)) => Ending::panicked(&message),
            },
            () = ticket.cancellation.cancelled() => Ending::Aborted,
            limit = expiry(timeout) => {
                Ending::Failed(TaskError::new(format!("the attempt took longer than its timeout of {limit:?}")))
            }
        }
    }
}

/// Waits until `timeout` is over, which for `None` is never, and says how long it was.
async fn expiry(timeout: Option<Duration>) -> Duration {
    match timeout {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

fn failure_of(envelope: &Envelope<'_>, ending: Ending) -> Option<TaskFailure> {
    let (error, crashed) = match ending {
        Ending::Failed(error) => (error, false),
        Ending::Crashed(error) => (error, true),
        Ending::Done | Ending::Undecodable(_) | Ending::DeadlinePassed { .. } | Ending::Aborted | Ending::Cancelled => {
            return None;
        }
    };
    Some(TaskFailure { id: envelope.id, attempt: envelope.attempt.saturating_add(1), error, crashed })
}
