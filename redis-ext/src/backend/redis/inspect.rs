//! Counting what a queue holds.

use redis::Value;

use super::{keys::Keys, link::Link, reply, scripts::Request};
use crate::{
    backend::{BackendError, MAX_BATCH, Operation, QueueStats},
    task::{QueueName, WorkerId},
};

const OPERATION: Operation = Operation::Inspect;

/// The counts are taken one after the other: while workers are busy, a task on its way may be counted twice or not.
pub(super) async fn inspect(link: &Link, queue: &QueueName) -> Result<QueueStats, BackendError> {
    let keys = Keys::of(queue);
    let mut request = Request::command("LLEN");
    request.arg(keys.ready());
    request.add_command("ZCARD").arg(keys.scheduled());
    request.add_command("ZCARD").arg(keys.dead_index());
    request.add_command("ZCARD").arg(keys.workers());
    request.add_command("EXISTS").arg(keys.paused());
    let replies = Value::Array(link.send_all(OPERATION, &request).await?);
    let (ready, scheduled, dead, workers, paused): (usize, usize, usize, usize, bool) =
        reply::read(OPERATION, replies)?;
    let mut claimed = 0;
    for from in (0..workers).step_by(MAX_BATCH) {
        let mut request = Request::command("ZRANGE");
        request.arg(keys.workers()).arg(from).arg(from + MAX_BATCH - 1);
        let workers: Vec<String> = reply::read(OPERATION, link.send(OPERATION, &request).await?)?;
        let workers: Result<Vec<WorkerId>, _> = workers.iter().map(|worker| worker.parse()).collect();
        claimed += claimed_by(link, keys, &workers.map_err(|error| reply::corrupt(OPERATION, error))?).await?;
    }
    Ok(QueueStats { ready, claimed, scheduled, dead, workers, paused })
}

/// The sizes of the incarnations' batches and landing lists, less what is settled.
async fn claimed_by(link: &Link, keys: Keys<'_>, workers: &[WorkerId]) -> Result<usize, BackendError> {
    let mut request = Request::new();
    for &worker in workers {
        request.add_command("HGETALL").arg(keys.registry(worker));
        request.add_command("LLEN").arg(keys.landing(worker));
    }
    if request.is_empty() {
        return Ok(0);
    }
    let mut claimed = 0;
    let mut marks = Request::new();
    let mut replies = link.send_all(OPERATION, &request).await?.into_iter();
    for &worker in workers {
        let (Some(registry), Some(landing)) = (replies.next(), replies.next()) else { break };
        let batches: Vec<(u64, usize)> = reply::read(OPERATION, registry)?;
        for (batch, size) in batches {
            claimed += size;
            marks.add_command("SCARD").arg(keys.settled(worker, batch));
        }
        claimed += reply::read::<usize>(OPERATION, landing)?;
    }
    if marks.is_empty() {
        return Ok(claimed);
    }
    let settled: Vec<usize> = reply::read(OPERATION, Value::Array(link.send_all(OPERATION, &marks).await?))?;
    Ok(claimed.saturating_sub(settled.into_iter().sum()))
}
