//! Parting with incarnations: with those that leave, and with those that died.
//!
//! Both ways are the same. First what landed goes back, then the open batches, the latest first, so that everything
//! ends up at the head of the queue in the order in which it was claimed; and when nothing is left, the incarnation
//! is forgotten. What becomes of a task is decided here and written by a script that checks that nothing changed
//! meanwhile. So any step may be repeated, by anyone, and a half-done recovery is finished by whoever comes next.

use std::time::Duration;

use redis::Value;

use super::{
    keys::Keys,
    letters,
    link::Link,
    reply,
    scripts::{DOOM, GIVE_BACK, PART, Request},
};
use crate::{
    backend::{BackendError, Crashed, Lease, MAX_BATCH, Operation, Recovered, Recovery},
    codec::millis,
    task::{QueueName, WorkerId},
};

/// How many incarnations, and how many batches, one call recovers at most.
const MAX_STEPS: usize = 8;

pub(super) async fn leave(link: &Link, lease: &Lease) -> Result<usize, BackendError> {
    let parting = Parting { link, operation: Operation::Leave, queue: &lease.queue, worker: lease.worker };
    let mut remains = parting.begin().await?;
    let mut returned = remains.landed;
    // From here on something may have been done, whatever the next step says.
    while !remains.forgotten {
        for batch in remains.open {
            let moved = parting.give_back(batch, Crashed::Requeue).await.map_err(BackendError::maybe_applied)?;
            returned += moved.map_or(0, |moved| moved.requeued);
        }
        remains = parting.begin().await.map_err(BackendError::maybe_applied)?;
        returned += remains.landed;
    }
    Ok(returned)
}

pub(super) async fn recover(
    link: &Link,
    queue: &QueueName,
    rules: &Recovery,
    patience: Duration,
) -> Result<Recovered, BackendError> {
    let operation = Operation::Recover;
    let mut request = Request::script(&DOOM, &[Keys::of(queue).workers(), Keys::of(queue).watch()]);
    let reply = link.send(operation, request.arg(MAX_STEPS).arg(millis::of(patience))).await?;
    let doomed: Vec<String> = reply::read(operation, reply)?;
    let mut recovered = Recovered { more: doomed.len() == MAX_STEPS, ..Recovered::default() };
    let mut steps = MAX_STEPS;
    // From here on something may have been done, whatever the next step says.
    let mut failure = None;
    for worker in doomed {
        let Ok(worker) = worker.parse() else {
            // No worker of ours: nothing of it is anywhere, and it must not stand in the way of others.
            if let Err(error) = forget(link, queue, &worker).await {
                failure = Some(error.maybe_applied());
            }
            continue;
        };
        let parting = Parting { link, operation, queue, worker };
        match parting.recover(rules, &mut steps).await {
            Ok(part) => {
                recovered.requeued += part.requeued;
                recovered.buried += part.buried;
                recovered.more |= part.more;
            }
            // The others are recovered all the same.
            Err(error) => failure = Some(error.maybe_applied()),
        }
    }
    failure.map_or(Ok(recovered), Err)
}

async fn forget(link: &Link, queue: &QueueName, stranger: &str) -> Result<(), BackendError> {
    tracing::warn!(%queue, stranger, "among the workers stands what is none: removing it");
    let mut request = Request::command("ZREM");
    request.arg(Keys::of(queue).workers()).arg(stranger);
    link.send(Operation::Recover, &request).await.map(drop)
}

struct Parting<'a> {
    link: &'a Link,
    operation: Operation,
    queue: &'a QueueName,
    worker: WorkerId,
}

/// What an incarnation still has.
struct Remains {
    /// How much landed and is back in the queue.
    landed: usize,
    /// Nothing is left.
    forgotten: bool,
    /// The numbers of its batches, the latest first.
    open: Vec<u64>,
}

impl Parting<'_> {
    /// Recovers the incarnation, by `steps` batches at most.
    async fn recover(&self, rules: &Recovery, steps: &mut usize) -> Result<Recovered, BackendError> {
        let remains = self.begin().await?;
        let mut recovered = Recovered { requeued: remains.landed, ..Recovered::default() };
        if remains.forgotten {
            return Ok(recovered);
        }
        let mut left = remains.open.len();
        for batch in remains.open.into_iter().take(*steps) {
            *steps -= 1;
            if let Some(moved) = self.give_back(batch, |entry| rules.judge(entry)).await? {
                left -= 1;
                recovered.requeued += moved.requeued;
                recovered.buried += moved.buried;
            }
        }
        recovered.more = left > 0 || !self.begin().await?.forgotten;
        Ok(recovered)
    }

    async fn begin(&self) -> Result<Remains, BackendError> {
        let keys = Keys::of(self.queue);
        let (registry, landing) = (keys.registry(self.worker), keys.landing(self.worker));
        let keys = [keys.ready(), keys.workers(), registry, landing, keys.latest_batch(self.worker)];
        let mut request = Request::script(&PART, &keys);
        let reply = self.link.send(self.operation, request.arg(self.worker.to_string()).arg(MAX_BATCH)).await?;
        let (landed, forgotten, mut open): (usize, bool, Vec<u64>) = reply::read(self.operation, reply)?;
        open.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Remains { landed, forgotten, open })
    }

    /// Parts a batch from the incarnation, and tells what went where; nothing if the batch changed meanwhile.
    async fn give_back(
        &self,
        batch: u64,
        fate: impl Fn(Vec<u8>) -> Crashed,
    ) -> Result<Option<Recovered>, BackendError> {
        let keys = Keys::of(self.queue);
        let (list, marks) = (keys.batch(self.worker, batch), keys.settled(self.worker, batch));
        let (entries, settled) = self.read(&list, &marks).await?;
        let unsettled = entries.into_iter().enumerate().filter(|(index, _)| !settled.contains(index));

        let (mut requeued, mut letters, mut locks) = (Vec::new(), Vec::new(), Vec::new());
        for (_, entry) in unsettled {
            match fate(entry) {
                Crashed::Requeue(entry) => requeued.push(entry),
                Crashed::Bury { letter, unlock } => {
                    locks.extend(unlock.as_deref().map(|digest| keys.unique(digest)));
                    letters.push((letter, unlock.is_some()));
                }
            }
        }
        let moved = Recovered { requeued: requeued.len(), buried: letters.len(), more: false };

        let mut touched = vec![keys.ready(), keys.registry(self.worker), list, marks];
        touched.extend([keys.dead(), keys.dead_index(), keys.stats()]);
        let mut last_lock = touched.len();
        touched.extend(locks);
        let mut request = Request::script(&GIVE_BACK, &touched);
        request.arg(batch).arg(settled.len()).arg(requeued.len()).arg(requeued);
        for (letter, is_locked) in letters {
            last_lock += usize::from(is_locked);
            let lock = if is_locked { last_lock } else { 0 };
            request.arg(letter.id.to_string()).arg(letters::record(&letter)).arg(lock);
        }
        let reply = self.link.send(self.operation, &request).await?;
        let applied: bool = reply::read(self.operation, reply)?;
        Ok(applied.then_some(moved))
    }

    /// The entries of a batch, and the indexes of those that are settled.
    async fn read(&self, list: &str, marks: &str) -> Result<(Vec<Vec<u8>>, Vec<usize>), BackendError> {
        let mut request = Request::command("LRANGE");
        request.arg(list).arg(0).arg(-1).add_command("SMEMBERS").arg(marks);
        let replies = self.link.send_all(self.operation, &request).await?;
        reply::read(self.operation, Value::Array(replies))
    }
}
