//! Where firings go: into the queue of their task type, or to a recipient.

use std::{sync::Arc, time::Duration};

use actix::Recipient;
use futures_util::{FutureExt as _, future::LocalBoxFuture};

use super::{
    Debouncer, Fired, SchedulerOptions,
    fired::{has_envelope, task_payload},
};
use crate::{
    RedisTask, TaskId,
    backend::{Firing, FiringOutcome, NewTask, PayloadRule, UniqueLock},
    task::{Envelope, QueueName, Timestamp, Verdict, content_digest},
};

/// Deals with one claimed firing, and says what becomes of it.
pub(crate) type Dispatch = Arc<dyn Fn(Firing, Timestamp) -> LocalBoxFuture<'static, FiringOutcome> + Send + Sync>;

/// Into the queue of `T`. What a handler could not read is quarantined.
pub(crate) fn to_queue<T: RedisTask>(debouncer: &Debouncer<T>) -> Dispatch {
    let rule = debouncer.policy.payloads;
    Arc::new(move |firing, now| async move { enqueued::<T>(&firing, rule, now) }.boxed_local())
}

fn enqueued<T: RedisTask>(firing: &Firing, rule: PayloadRule, now: Timestamp) -> FiringOutcome {
    let quarantine = |reason: String| FiringOutcome::Quarantine { reason };
    let payload = match task_payload::<T>(firing, rule) {
        Ok(payload) => payload,
        Err(error) => return quarantine(error.to_string()),
    };
    let id = TaskId::random();
    if !has_envelope::<T>() {
        return to(T::QUEUE, NewTask::new(payload).with_id(id));
    }
    let mut envelope = Envelope::new(id, now, &payload);
    let Some(ttl) = T::OPTIONS.unique_for else {
        return to(T::QUEUE, NewTask::new(envelope.to_entry()).with_id(id));
    };
    // Without a key of its own, the lock is the one of the same content that is enqueued directly.
    let content = if firing.payloads.is_empty() { &payload } else { &firing.member };
    let digest = match content_digest(content) {
        Ok(digest) => digest,
        Err(error) => return quarantine(error.to_string()),
    };
    envelope.unique = Some(digest.as_str().into());
    to(T::QUEUE, NewTask::new(envelope.to_entry()).with_id(id).unique(UniqueLock { digest: digest.clone(), ttl }))
}

fn to(queue: QueueName, task: NewTask) -> FiringOutcome {
    FiringOutcome::Enqueue { queue, task, retry_after: SchedulerOptions::HELD_RECHECK }
}

/// To a recipient: done when it has answered well, quarantined when it gives up, and tried again otherwise.
pub(crate) fn to_recipient<T: RedisTask + Unpin>(recipient: Recipient<Fired<T>>, retry_after: Duration) -> Dispatch {
    Arc::new(move |firing, _| {
        let recipient = recipient.clone();
        async move {
            let fired = match Fired::decode(&firing) {
                Ok(fired) => fired,
                Err(error) => return FiringOutcome::Quarantine { reason: error.to_string() },
            };
            let error = match recipient.send(fired).await {
                Ok(Ok(())) => return FiringOutcome::Done,
                Ok(Err(error)) => error,
                // It stopped, panicked or dropped the message.
                Err(error) => {
                    tracing::warn!(%error, ?retry_after, "a recipient gave no answer: its firing is tried again");
                    return FiringOutcome::Return { after: Some(retry_after) };
                }
            };
            tracing::debug!(%error, "a recipient failed");
            match error.verdict() {
                Verdict::Fatal => FiringOutcome::Quarantine { reason: error.chain().join(": ") },
                Verdict::RetryIn(delay) => FiringOutcome::Return { after: Some(delay) },
                Verdict::Retry => FiringOutcome::Return { after: Some(retry_after) },
            }
        }
        .boxed_local()
    })
}
