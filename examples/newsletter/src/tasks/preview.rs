//! The preview of a draft, which follows the edits without running after each of them.

use std::sync::Arc;

use redis_ext::{RedisTask, Task, TaskError};

use crate::{IssueError, Newsletter, Slug};

// ANCHOR: preview
/// Renders a draft when it has not been saved for half a second, and every five seconds while it is saved all the time.
/// With `unique_for`, a rendering waits until the one before it has ended.
#[derive(Debug, PartialEq, RedisTask)]
#[redis_task(
    queue = "newsletter:previews",
    debounce = "trailing(500ms)",
    max_wait = "5s",
    unique_for = "1m",
    max_attempts = 3,
    timeout = "10s"
)]
pub struct RenderPreview {
    /// The draft.
    pub slug: Slug,
}

pub(super) async fn render(newsletter: Arc<Newsletter>, task: Task<RenderPreview>) -> Result<(), TaskError> {
    match newsletter.issues.render(&task.slug).await {
        // Sent in the meantime, it has no draft any more.
        Ok(()) | Err(IssueError::AlreadySent(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
// ANCHOR_END: preview
