//! The mail that a new subscriber gets.

use std::sync::Arc;

use redis_ext::{RedisTask, Task, TaskError};

use super::deliver::deliver;
use crate::{Mail, Newsletter, Subscriber};

// ANCHOR: welcome
/// Welcomes a subscriber: once, however often the button is clicked.
#[derive(Debug, PartialEq, RedisTask)]
#[redis_task(queue = "newsletter:welcomes", timeout = "30s", unique_for = "1d")]
pub struct Welcome {
    /// The new subscriber.
    pub to: Subscriber,
}

pub(super) async fn send(newsletter: Arc<Newsletter>, task: Task<Welcome>) -> Result<(), TaskError> {
    let mail = Mail::welcome(&task.to).map_err(TaskError::fatal)?;
    deliver(&newsletter, &mail).await
}
// ANCHOR_END: welcome
