//! Cancelling: marks on IDs, which whoever holds the tasks looks at.

use redis::Value;

use super::{
    enqueue::LONGEST_TTL_MS,
    keys::Keys,
    link::Link,
    reply,
    scripts::{CANCEL, Request},
};
use crate::{
    backend::{BackendError, CANCELLATION_RETENTION, MAX_BATCH, Operation},
    codec::millis,
    task::{QueueName, TaskId},
};

pub(super) async fn cancel(link: &Link, queue: &QueueName, ids: &[TaskId]) -> Result<(), BackendError> {
    let keys = Keys::of(queue);
    let mut begun = false;
    for ids in ids.chunks(MAX_BATCH) {
        let mut request = Request::script(&CANCEL, &[keys.cancelled(), keys.scheduled()]);
        request.arg(millis::of(CANCELLATION_RETENTION)).arg(LONGEST_TTL_MS).arg(MAX_BATCH).arg(texts(ids));
        let answer = link.send(Operation::Cancel, &request).await;
        answer.map_err(|error| if begun { error.maybe_applied() } else { error })?;
        begun = true;
    }
    Ok(())
}

pub(super) async fn cancelled(link: &Link, queue: &QueueName, ids: &[TaskId]) -> Result<Vec<TaskId>, BackendError> {
    let mut request = Request::new();
    for ids in ids.chunks(MAX_BATCH) {
        request.add_command("ZMSCORE").arg(Keys::of(queue).cancelled()).arg(texts(ids));
    }
    if request.is_empty() {
        return Ok(Vec::new());
    }
    let replies = link.send_all(Operation::Cancelled, &request).await?;
    let marks: Vec<Vec<Option<f64>>> = reply::read(Operation::Cancelled, Value::Array(replies))?;
    let marked = ids.iter().zip(marks.into_iter().flatten()).filter(|(_, mark)| mark.is_some());
    Ok(marked.map(|(&id, _)| id).collect())
}

fn texts(ids: &[TaskId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
