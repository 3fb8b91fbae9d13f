//! One queue as a state machine: each operation of the contract is a plain function of the state and the time.
//!
//! Nothing here waits, locks or knows a clock, so that the rules can be read and tested on their own.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use redis_ext::{
    TaskId, Timestamp,
    backend::{
        Claim, Claimed, ClaimedBatch, Crashed, DeadLetters, Disposition, Due, Enqueued, MAX_BATCH, NewTask, Page,
        Promoted, QueueStats, Recovered, Recovery, Retention, Selection, Settlement, WorkerId,
    },
};

use crate::{cancellations::Cancellations, dead::DeadLetterBook, incarnation::Incarnation, locks::Locks};

/// The incarnation has not joined, or someone recovered it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeaseLost;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<Vec<u8>>,
    /// By the time when they are due; the number keeps those of the same time apart and in order.
    scheduled: BTreeMap<(Timestamp, u64), Vec<u8>>,
    scheduled_before: u64,
    incarnations: HashMap<WorkerId, Incarnation>,
    watch: Watch,
    dead: DeadLetterBook,
    cancellations: Cancellations,
    locks: Locks,
    paused: bool,
}

impl Queue {
    pub(crate) fn enqueue(&mut self, tasks: &[NewTask], now: Timestamp) -> Vec<Enqueued> {
        self.admit(tasks, now, |queue, entry| queue.ready.push_back(entry))
    }

    pub(crate) fn schedule(&mut self, tasks: &[NewTask], due: Due, now: Timestamp) -> Vec<Enqueued> {
        let at = match due {
            Due::In(delay) => now.saturating_add(delay),
            Due::At(at) => at,
        };
        self.admit(tasks, now, |queue, entry| queue.put_off(entry, at))
    }

    fn admit(&mut self, tasks: &[NewTask], now: Timestamp, put: impl Fn(&mut Self, Vec<u8>)) -> Vec<Enqueued> {
        let admit_one = |task: &NewTask| {
            if let Some(lock) = &task.unique
                && let Err(holder) = self.locks.acquire(lock, task.id, now)
            {
                // Its own lock means that the reply to an earlier copy of this call was lost.
                let repeated = holder == task.id;
                return if repeated { Enqueued::new(holder) } else { Enqueued::duplicate_of(holder) };
            }
            put(self, task.entry.clone());
            Enqueued::new(task.id)
        };
        tasks.iter().map(admit_one).collect()
    }

    fn put_off(&mut self, entry: Vec<u8>, due: Timestamp) {
        self.scheduled.insert((due, self.scheduled_before), entry);
        self.scheduled_before += 1;
    }

    pub(crate) fn promote(&mut self, max: usize, now: Timestamp) -> Promoted {
        let mut moved = 0;
        while let Some(first) = self.scheduled.first_entry() {
            let (due, _) = *first.key();
            if due > now || moved == max.min(MAX_BATCH) {
                return Promoted { moved, next_due: Some(due.saturating_since(now)) };
            }
            self.ready.push_back(first.remove());
            moved += 1;
        }
        Promoted { moved, next_due: None }
    }

    pub(crate) fn join(&mut self, worker: WorkerId, ttl: Duration, now: Timestamp) -> Result<(), LeaseLost> {
        self.incarnations.entry(worker).or_default();
        self.renew(worker, ttl, now)
    }

    pub(crate) fn renew(&mut self, worker: WorkerId, ttl: Duration, now: Timestamp) -> Result<(), LeaseLost> {
        self.holder(worker)?.expires = now.saturating_add(ttl);
        Ok(())
    }

    pub(crate) fn leave(&mut self, worker: WorkerId) -> usize {
        let unsettled = self.incarnations.remove(&worker).map(Incarnation::into_entries).unwrap_or_default();
        let count = unsettled.len();
        self.put_back(unsettled);
        count
    }

    pub(crate) fn claim(&mut self, worker: WorkerId, claim: Claim, now: Timestamp) -> Result<ClaimedBatch, LeaseLost> {
        let holder = holder(&mut self.incarnations, worker)?;
        if holder.is_new(claim.batch) {
            let room = if self.paused { 0 } else { claim.max.get().min(MAX_BATCH) };
            let taken = self.ready.drain(..room.min(self.ready.len()));
            holder.add_batch(claim.batch, taken);
        }
        let tasks = holder.batch(claim.batch).map(|(index, entry)| Claimed::new(entry.clone(), claim.batch, index));
        Ok(ClaimedBatch { tasks: tasks.collect(), at: now, any_cancelled: self.cancellations.are_any() })
    }

    pub(crate) fn settle(
        &mut self,
        worker: WorkerId,
        settlements: &[Settlement],
        next: Option<Claim>,
        now: Timestamp,
    ) -> Result<ClaimedBatch, LeaseLost> {
        self.holder(worker)?;
        let mut released = Vec::new();
        for Settlement { receipt, disposition, unlock, .. } in settlements {
            let Some(claimed) = self.holder(worker)?.take(receipt) else { continue };
            match disposition {
                Disposition::Done => {}
                Disposition::Cancelled { id } => self.cancellations.remove(*id),
                Disposition::Retry { entry, delay, .. } => self.put_off(entry.clone(), now.saturating_add(*delay)),
                Disposition::Dead(letter) => self.dead.add(letter.clone(), now),
                Disposition::Release { .. } => released.push((receipt.batch, receipt.index, claimed)),
            }
            if let Some((digest, id)) = unlock {
                self.locks.release(digest, *id);
            }
        }
        released.sort_unstable_by_key(|&(batch, index, _)| (batch, index));
        self.put_back(released.into_iter().map(|(_, _, entry)| entry).collect());
        match next {
            Some(claim) => self.claim(worker, claim, now),
            None => Ok(ClaimedBatch { at: now, ..ClaimedBatch::default() }),
        }
    }

    pub(crate) fn cancel(&mut self, ids: &[TaskId], now: Timestamp) {
        let last_due = self.scheduled.last_key_value().map(|(&(due, _), _)| due);
        self.cancellations.add(ids, now, last_due);
    }

    pub(crate) fn cancelled(&self, ids: &[TaskId]) -> Vec<TaskId> {
        self.cancellations.among(ids)
    }

    pub(crate) fn recover(&mut self, rules: &Recovery, patience: Duration, now: Timestamp) -> Recovered {
        let may_judge = self.watch.look(patience, now);
        let mut recovered = Recovered::default();
        for worker in self.expired(now, may_judge) {
            let Some(incarnation) = self.incarnations.get_mut(&worker) else { continue };
            // The last task goes back first, so that the first one ends up at the head.
            while recovered.requeued + recovered.buried < MAX_BATCH
                && let Some(entry) = incarnation.take_last()
            {
                match rules.judge(entry) {
                    Crashed::Requeue(entry) => {
                        self.ready.push_front(entry);
                        recovered.requeued += 1;
                    }
                    Crashed::Bury { letter, unlock } => {
                        if let Some(digest) = unlock {
                            self.locks.release(&digest, letter.id);
                        }
                        self.dead.add(letter, now);
                        recovered.buried += 1;
                    }
                }
            }
            if incarnation.len() > 0 {
                incarnation.recovering = true;
                return Recovered { more: true, ..recovered };
            }
            self.incarnations.remove(&worker);
        }
        recovered
    }

    /// The incarnations to be recovered, the one that expired first at the front. A recovery that has begun goes on, even
    /// where nobody may be judged.
    fn expired(&self, now: Timestamp, may_judge: bool) -> Vec<WorkerId> {
        let is_due = |incarnation: &Incarnation| incarnation.recovering || (may_judge && incarnation.has_expired(now));
        let expired = self.incarnations.iter().filter(|(_, incarnation)| is_due(incarnation));
        let mut expired: Vec<_> = expired.map(|(&worker, incarnation)| (incarnation.expires, worker)).collect();
        expired.sort_unstable();
        expired.into_iter().map(|(_, worker)| worker).collect()
    }

    pub(crate) fn dead_letters(&self, page: Page) -> DeadLetters {
        self.dead.page(page)
    }

    pub(crate) fn replay(&mut self, which: &Selection) -> usize {
        let letters = self.dead.take(which);
        let count = letters.len();
        for letter in letters {
            self.cancellations.remove(letter.id);
            self.ready.push_back(letter.entry);
        }
        count
    }

    pub(crate) fn delete_dead(&mut self, which: &Selection) -> usize {
        self.dead.take(which).len()
    }

    pub(crate) fn trim_dead(&mut self, retention: &Retention, now: Timestamp) -> usize {
        self.dead.trim(retention, now)
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(crate) fn stats(&self) -> QueueStats {
        let mut stats = QueueStats::default();
        stats.ready = self.ready.len();
        stats.claimed = self.incarnations.values().map(Incarnation::len).sum();
        stats.scheduled = self.scheduled.len();
        stats.dead = self.dead.len();
        stats.workers = self.incarnations.len();
        stats.paused = self.paused;
        stats
    }

    /// Whether a claim would give something.
    pub(crate) fn is_claimable(&self) -> bool {
        !self.paused && !self.ready.is_empty()
    }

    /// Whether nothing is ready or claimed.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.incarnations.values().all(|incarnation| incarnation.len() == 0)
    }

    /// Whether nothing is ready, claimed or scheduled.
    pub(crate) fn is_drained(&self) -> bool {
        self.scheduled.is_empty() && self.is_idle()
    }

    pub(crate) fn ready(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.ready.iter()
    }

    pub(crate) fn scheduled(&self) -> impl Iterator<Item = (Timestamp, &Vec<u8>)> {
        self.scheduled.iter().map(|((due, _), entry)| (*due, entry))
    }

    pub(crate) fn claimed(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.incarnations.values().flat_map(Incarnation::entries)
    }

    fn holder(&mut self, worker: WorkerId) -> Result<&mut Incarnation, LeaseLost> {
        holder(&mut self.incarnations, worker)
    }

    /// To the head of the queue, in this order.
    fn put_back(&mut self, entries: Vec<Vec<u8>>) {
        for entry in entries.into_iter().rev() {
            self.ready.push_front(entry);
        }
    }
}

/// When somebody last looked for dead workers. Where that is long ago, the living have to show themselves first.
#[derive(Debug, Default)]
struct Watch {
    watched_at: Option<Timestamp>,
    judged_from: Timestamp,
}

impl Watch {
    /// Notes a look, and answers whether an expired lease may be taken for a death.
    fn look(&mut self, patience: Duration, now: Timestamp) -> bool {
        if self.watched_at.is_none_or(|at| now.saturating_since(at) > patience) {
            self.judged_from = now.saturating_add(patience);
        }
        self.watched_at = Some(now);
        now >= self.judged_from
    }
}

/// The incarnation as long as it holds its lease. An expired lease is held until someone begins to recover it.
fn holder(incarnations: &mut HashMap<WorkerId, Incarnation>, worker: WorkerId) -> Result<&mut Incarnation, LeaseLost> {
    incarnations.get_mut(&worker).filter(|incarnation| !incarnation.recovering).ok_or(LeaseLost)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use redis_ext::backend::BatchId;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn entries(queue: &Queue) -> Vec<&[u8]> {
        queue.ready().map(Vec::as_slice).collect()
    }

    #[test]
    fn what_is_due_this_millisecond_is_due_and_equal_times_keep_their_order() {
        let mut queue = Queue::default();
        let tasks = ["1", "2", "3"].map(NewTask::new);
        queue.schedule(&tasks, Due::In(SECOND), at(0));
        let early = Promoted { moved: 0, next_due: Some(Duration::from_millis(1)) };
        assert_eq!(queue.promote(10, at(999)), early);
        assert_eq!(queue.promote(10, at(1_000)), Promoted { moved: 3, next_due: None });
        assert_eq!(entries(&queue), [b"1", b"2", b"3"]);
    }

    #[test]
    fn a_lease_ends_with_its_last_millisecond() {
        let mut queue = Queue::default();
        let worker = WorkerId::random();
        queue.enqueue(&[NewTask::new("1")], at(0));
        queue.join(worker, SECOND, at(0)).unwrap();
        queue.claim(worker, Claim { batch: BatchId(1), max: NonZeroUsize::MIN }, at(0)).unwrap();
        assert_eq!(queue.recover(&Recovery::default(), Duration::ZERO, at(999)).requeued, 0);
        assert_eq!(queue.recover(&Recovery::default(), Duration::ZERO, at(1_000)).requeued, 1);
        assert_eq!(queue.renew(worker, SECOND, at(1_000)), Err(LeaseLost));
    }
}
