//! Counting what a queue holds, at one moment.

use redis::Value;

use super::{
    keys::Keys,
    link::Link,
    reply,
    scripts::{INSPECT, Request},
};
use crate::{
    backend::{BackendError, BackendErrorKind, Operation, QueueStats},
    task::{QueueName, WorkerId},
};

const OPERATION: Operation = Operation::Inspect;

/// How often the question is put anew because workers came or went in between.
const MOST_TRIES: usize = 100;

/// Asks with the workers of the last answer until no worker has come or gone in between: twice, as a rule.
pub(super) async fn inspect(link: &Link, queue: &QueueName) -> Result<QueueStats, BackendError> {
    let mut workers = Vec::new();
    for _ in 0..MOST_TRIES {
        match read(link.send(OPERATION, &request(queue, &workers)).await?)? {
            Answer::Counts(counts) => return Ok(QueueStats { workers: workers.len(), ..counts }),
            Answer::Workers(present) => workers = present,
        }
    }
    Err(BackendError::new(BackendErrorKind::Overloaded, OPERATION)
        .with_source("workers come and go faster than they can be counted"))
}

enum Answer {
    Counts(QueueStats),
    /// Others than those that were named.
    Workers(Vec<WorkerId>),
}

fn request(queue: &QueueName, workers: &[WorkerId]) -> Request {
    let keys = Keys::of(queue);
    let mut touched = vec![keys.ready(), keys.scheduled(), keys.dead_index(), keys.workers(), keys.paused()];
    touched.extend(workers.iter().flat_map(|&worker| [keys.registry(worker), keys.landing(worker)]));
    let mut request = Request::script(&INSPECT, &touched);
    for worker in workers {
        request.arg(worker.to_string());
    }
    request
}

fn read(reply: Value) -> Result<Answer, BackendError> {
    if let Value::Array(items) = &reply
        && matches!(items[..], [Value::Int(_), ..])
    {
        let (ready, scheduled, dead, paused, claimed) = reply::read(OPERATION, reply)?;
        return Ok(Answer::Counts(QueueStats { ready, claimed, scheduled, dead, workers: 0, paused }));
    }
    let workers: Vec<String> = reply::read(OPERATION, reply)?;
    let workers: Result<_, _> = workers.iter().map(|worker| worker.parse()).collect();
    workers.map(Answer::Workers).map_err(|error| reply::corrupt(OPERATION, error))
}
