//! Sending an issue: one task that knows the issue makes one task a subscriber, and each of those can fail by itself.

use std::sync::Arc;

use redis_ext::{Enqueue as _, RedisTask, Task, TaskError};

use super::deliver::deliver;
use crate::{Mail, Newsletter, Slug, Subscriber};

// ANCHOR: fan_out
/// Sends an issue to everybody: a task itself, as a request must not wait for a hundred thousand of them.
#[derive(Debug, PartialEq, RedisTask)]
#[redis_task(queue = "newsletter:issues", timeout = "5m", unique_for = "1h")]
pub struct SendIssue {
    /// The issue.
    pub slug: Slug,
}

/// Sends an issue to one subscriber.
#[derive(Debug, PartialEq, RedisTask)]
#[redis_task(
    queue = "newsletter:mails",
    max_attempts = 4,
    backoff = "exponential(250ms, 10m)",
    timeout = "30s",
    unique_for = "1d"
)]
pub struct IssueMail {
    /// The issue.
    pub slug: Slug,
    /// Who gets it.
    pub to: Subscriber,
}

/// Cut short, it is run again from the beginning: those whose task is pending are left out (`unique_for`), and those who
/// have their mail do not get another, as it has the same name. Once it is through, `once` sees to it that it stays so.
pub(super) async fn fan_out(newsletter: Arc<Newsletter>, task: Task<SendIssue>) -> Result<(), TaskError> {
    let fan_out = async |_fence| {
        newsletter.issues.publish(&task.slug).await?;
        let recipients = newsletter.subscribers.recipients()?;
        let mails = recipients.iter().map(|to| IssueMail { slug: task.slug.clone(), to: Subscriber::clone(to) });
        Ok(IssueMail::enqueue_many(&newsletter.backend, mails).await?.len())
    };
    let mails = task.once("fan-out", &newsletter.backend, fan_out).await?;
    tracing::info!(slug = %task.slug, mails, "an issue is on its way");
    Ok(())
}
// ANCHOR_END: fan_out

pub(super) async fn send_one(newsletter: Arc<Newsletter>, task: Task<IssueMail>) -> Result<(), TaskError> {
    let issue = newsletter.issues.sent(&task.slug).await?;
    let mail = Mail::of_issue(&task.slug, &issue, &task.to).map_err(TaskError::fatal)?;
    deliver(&newsletter, &mail).await
}
