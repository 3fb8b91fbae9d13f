//! One attempt at one task: read the entry, run it behind the panic fence and the time limit, settle what came of it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    judgement::{self, Ending},
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
    pub(crate) async fn run(&self, task: Claimed, claimed_at: ClaimedAt) -> Outcome {
        let (judgement, failure) = match Envelope::parse(task.entry()) {
            Err(error) => (judgement::of_unreadable(self.queue, task.entry(), error), None),
            Ok(envelope) => {
                let ending = match envelope.deadline.map(|deadline| claimed_at.now().saturating_since(deadline)) {
                    Some(late) if !late.is_zero() => Ending::DeadlinePassed { late },
                    _ => self.fenced_run(&envelope).await,
                };
                let judgement = judgement::of(self.queue, self.options, &envelope, &ending);
                (judgement, failure_of(&envelope, ending))
            }
        };
        Outcome { settlement: judgement.settle(task), failure }
    }

    async fn fenced_run(&self, envelope: &Envelope<'_>) -> Ending {
        let cancellation = self.abort.child_token();
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
        // The future is made within the fence, as the task's `decode` may panic too.
        let run = AssertUnwindSafe(async { self.runner.run(envelope.payload(), context).await }).catch_unwind();
        tokio::select! {
            biased;
            result = run => match result {
                Ok(Ok(())) => Ending::Done,
                // A handler that was told to stop has no other way to say that it did.
                Ok(Err(Failure::Error(_))) if self.abort.is_cancelled() => Ending::Aborted,
                Ok(Err(Failure::Error(error))) => Ending::Failed(error),
                Ok(Err(Failure::Undecodable(error))) => Ending::Undecodable(error),
                Ok(Err(Failure::ActorGone)) => Ending::Crashed(TaskError::new(
                    "the handler's actor panicked, stopped, or dropped the task without an answer",
                )),
                Ok(Err(Failure::Panicked(message))) => Ending::panicked(&message),
                Err(panic) => Ending::panicked(panic_message(&*panic)),
            },
            () = self.abort.cancelled() => Ending::Aborted,
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
        Ending::Done | Ending::Undecodable(_) | Ending::DeadlinePassed { .. } | Ending::Aborted => return None,
    };
    Some(TaskFailure { id: envelope.id, attempt: envelope.attempt.saturating_add(1), error, crashed })
}
