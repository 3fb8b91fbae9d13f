//! The policy of outcomes: how an attempt ended decides where its task goes.

use std::time::Duration;

use crate::{
    CodecError, TaskError, TaskId, TaskOptions,
    backend::{Claimed, DeadLetter, DeathReason, Settlement},
    task::{Envelope, EnvelopeError, QueueName, Verdict, chain_of},
};

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Done,
    Failed(TaskError),
    /// The handler panicked, or its actor died.
    Crashed(TaskError),
    Undecodable(CodecError),
    DeadlinePassed {
        late: Duration,
    },
    /// The worker ended it, not the task.
    Aborted,
    /// Somebody has cancelled the task.
    Cancelled,
}

impl Ending {
    pub(crate) fn panicked(message: &str) -> Self {
        Self::Crashed(TaskError::new(format!("the handler panicked: {message}")))
    }
}

/// Where a task goes.
#[derive(Debug)]
pub(crate) struct Judgement {
    fate: Fate,
    unlock: Option<(String, TaskId)>,
}

#[derive(Debug)]
enum Fate {
    Done,
    Cancelled { id: TaskId },
    Retry { id: TaskId, entry: Vec<u8>, delay: Duration },
    Dead(DeadLetter),
    Release,
}

impl Judgement {
    pub(crate) fn settle(self, task: Claimed) -> Settlement {
        let settlement = match self.fate {
            Fate::Done => task.done(),
            Fate::Cancelled { id } => task.cancelled(id),
            Fate::Retry { id, entry, delay } => task.retry(id, entry, delay),
            Fate::Dead(letter) => task.dead(letter),
            Fate::Release => task.release(),
        };
        match self.unlock {
            Some((digest, id)) => settlement.unlock(digest, id),
            None => settlement,
        }
    }
}

/// How often a task is run at most.
pub(crate) fn max_attempts(options: &TaskOptions, envelope: &Envelope<'_>) -> u32 {
    envelope.overrides.max_attempts.unwrap_or(options.max_attempts)
}

/// The judgement of an entry that cannot be read: its original bytes are kept as a dead letter.
pub(crate) fn of_unreadable(queue: &QueueName, entry: &[u8], error: EnvelopeError) -> Judgement {
    let letter = DeadLetter::new(TaskId::random(), DeathReason::Envelope, chain_of(&error), entry.to_vec());
    bury(queue, letter, None)
}

/// The judgement of a task that somebody has cancelled.
pub(crate) fn of_cancelled(queue: &QueueName, envelope: &Envelope<'_>) -> Judgement {
    tracing::debug!(%queue, task = %envelope.id, "task was cancelled");
    Judgement { fate: Fate::Cancelled { id: envelope.id }, unlock: unlock(envelope) }
}

/// The judgement of an attempt.
pub(crate) fn of(queue: &QueueName, options: &TaskOptions, envelope: &Envelope<'_>, ending: &Ending) -> Judgement {
    let unlock = || unlock(envelope);
    let attempts = envelope.attempt.saturating_add(1);
    let dead = |reason, errors, attempts| {
        let letter = DeadLetter::new(envelope.id, reason, errors, envelope.untried().to_entry())
            .with_history(attempts, envelope.enqueued_at);
        bury(queue, letter, unlock())
    };
    match ending {
        Ending::Done => Judgement { fate: Fate::Done, unlock: unlock() },
        Ending::Cancelled => of_cancelled(queue, envelope),
        Ending::Aborted => Judgement { fate: Fate::Release, unlock: None },
        Ending::DeadlinePassed { late } => {
            let error = format!("the deadline passed {late:?} before the task could be started");
            dead(DeathReason::DeadlinePassed, vec![error], envelope.attempt)
        }
        Ending::Undecodable(error) => dead(DeathReason::Undecodable, chain_of(error), attempts),
        Ending::Failed(error) | Ending::Crashed(error) if error.is_fatal() => {
            dead(DeathReason::Fatal, error.chain(), attempts)
        }
        Ending::Failed(error) | Ending::Crashed(error) if attempts >= max_attempts(options, envelope) => {
            dead(DeathReason::AttemptsExhausted, error.chain(), attempts)
        }
        Ending::Failed(error) | Ending::Crashed(error) => {
            let delay = match error.verdict() {
                Verdict::RetryIn(delay) => delay,
                _ => envelope.overrides.backoff.unwrap_or(options.backoff).delay_after(attempts),
            };
            tracing::debug!(%queue, task = %envelope.id, attempts, ?delay, %error, "attempt failed: will retry");
            let entry = envelope.next_attempt().to_entry();
            Judgement { fate: Fate::Retry { id: envelope.id, entry, delay }, unlock: None }
        }
    }
}

fn unlock(envelope: &Envelope<'_>) -> Option<(String, TaskId)> {
    envelope.unique.as_deref().map(|digest| (digest.to_owned(), envelope.id))
}

fn bury(queue: &QueueName, letter: DeadLetter, unlock: Option<(String, TaskId)>) -> Judgement {
    let DeadLetter { id, reason, attempts, .. } = &letter;
    let error = letter.errors.join(": ");
    tracing::error!(%queue, task = %id, ?reason, attempts, error, "task goes to the dead letters");
    Judgement { fate: Fate::Dead(letter), unlock }
}
