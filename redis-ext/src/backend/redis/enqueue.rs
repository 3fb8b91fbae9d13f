//! The way in: now, or at a later time.

use redis::Value;

use super::{
    keys::Keys,
    reply,
    scripts::{ENQUEUE_UNIQUE, Request, SCHEDULE},
};
use crate::{
    backend::{BackendError, Due, Enqueued, NewTask, Operation, UniqueLock},
    codec::millis,
    task::{QueueName, TaskId},
};

/// The longest life of a key, about a century: the server refuses times that it cannot add to its clock.
pub(super) const LONGEST_TTL_MS: u64 = 100 * 365 * 24 * 3600 * 1000;

/// What `RPUSH` of all entries does, unless some are unique.
pub(super) fn enqueue_request(queue: &QueueName, tasks: &[NewTask]) -> Request {
    let keys = Keys::of(queue);
    if tasks.iter().all(|task| task.unique.is_none()) {
        let bytes = tasks.iter().map(|task| task.entry.len()).sum();
        let mut request = Request::large_command("RPUSH", tasks.len() + 1, bytes);
        request.arg(keys.ready());
        for task in tasks {
            request.arg(&task.entry);
        }
        return request;
    }
    let mut request = Request::script(&ENQUEUE_UNIQUE, &with_locks(keys, keys.ready(), tasks));
    add_tasks(&mut request, tasks, |task| task.entry.clone());
    request
}

pub(super) fn schedule_request(queue: &QueueName, tasks: &[NewTask], due: Due) -> Request {
    let keys = Keys::of(queue);
    let mut request = Request::script(&SCHEDULE, &with_locks(keys, keys.scheduled(), tasks));
    match due {
        Due::In(delay) => request.arg("in").arg(millis::of(delay)),
        Due::At(time) => request.arg("at").arg(time.as_millis()),
    };
    add_tasks(&mut request, tasks, |task| member(task.id, &task.entry));
    request
}

/// A scheduled entry as it stands in the zset: without its ID, equal entries would be one.
pub(super) fn member(id: TaskId, entry: &[u8]) -> Vec<u8> {
    let mut member = format!("{id}:").into_bytes();
    member.extend_from_slice(entry);
    member
}

/// The bytes that [`member`] puts before an entry.
pub(super) const MEMBER_PREFIX_BYTES: usize = TaskId::TEXT_BYTES + 1;

fn with_locks(keys: Keys<'_>, first: String, tasks: &[NewTask]) -> Vec<String> {
    let locks = tasks.iter().filter_map(|task| task.unique.as_ref()).map(|lock| keys.unique(&lock.digest));
    std::iter::once(first).chain(locks).collect()
}

fn add_tasks(request: &mut Request, tasks: &[NewTask], form: impl Fn(&NewTask) -> Vec<u8>) {
    let mut last_lock = 1;
    for task in tasks {
        request.arg(form(task)).arg(task.id.to_string());
        match &task.unique {
            None => request.arg(0).arg(0),
            Some(UniqueLock { ttl, .. }) => {
                last_lock += 1;
                request.arg(last_lock).arg(millis::of(*ttl).clamp(1, LONGEST_TTL_MS))
            }
        };
    }
}

/// Reads the reply to either request: nothing for each task that was let in, else who holds its lock.
pub(super) fn enqueued(operation: Operation, tasks: &[NewTask], reply: Value) -> Result<Vec<Enqueued>, BackendError> {
    let holders: Vec<String> = match reply {
        // The length of the list, which `RPUSH` answers: all were let in.
        Value::Int(_) => return Ok(tasks.iter().map(|task| Enqueued::new(task.id)).collect()),
        reply => reply::read(operation, reply)?,
    };
    let answers = tasks.iter().zip(holders).map(|(task, holder)| match holder.as_str() {
        "" => Ok(Enqueued::new(task.id)),
        holder => holder.parse().map(Enqueued::duplicate_of).map_err(|error| reply::corrupt(operation, error)),
    });
    answers.collect()
}
