//! The model: a queue as the contract describes it, in vectors and maps, and as slow as that is.

use std::collections::{BTreeMap, HashMap, VecDeque};

use redis_ext::{
    TaskId,
    backend::{DeathReason, Enqueued, WorkerId},
};

use super::task::{Letter, Task};

/// The model's time. One unit passes where an operation waits for a moment, so many that no moments add up to it
/// where hours pass.
pub(crate) type Time = u64;

pub(crate) const HOUR: Time = 1_000_000;

/// Tasks that are ready, as chains: each is in order, and in which order a claim meets them is open.
type Group = Vec<VecDeque<Task>>;

/// The task at a place of a batch.
pub(crate) type Place = (u64, usize);

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) now: Time,
    ready: VecDeque<Group>,
    /// In the order of their times.
    pub(crate) scheduled: Vec<(Time, Task)>,
    workers: HashMap<WorkerId, Worker>,
    /// The oldest first.
    pub(crate) dead: Vec<Letter>,
    /// Who holds which, and until when.
    locks: HashMap<String, (TaskId, Time)>,
    pub(crate) paused: bool,
    operations: u64,
}

#[derive(Debug, Default)]
struct Worker {
    expires: Time,
    /// What is not settled.
    claimed: BTreeMap<Place, Task>,
}

#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    pub(crate) id: TaskId,
    pub(crate) task: Task,
    /// A lock's digest, and how long it lives.
    pub(crate) unique: Option<(String, Time)>,
}

/// What becomes of a claimed task.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) place: Place,
    pub(crate) fate: Fate,
    pub(crate) unlock: Option<(String, TaskId)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Done,
    Retry(Task, Time),
    Dead(TaskId, DeathReason, u32),
    Release,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { now: HOUR, ..Self::default() }
    }

    /// Takes a task's lock, or says why the task is not let in.
    fn refuses(&mut self, newcomer: &Newcomer) -> Option<Enqueued> {
        let (digest, ttl) = newcomer.unique.as_ref()?;
        match self.locks.get(digest) {
            Some(&(holder, until)) if until > self.now => Some(match holder == newcomer.id {
                true => Enqueued::new(holder),
                false => Enqueued::duplicate_of(holder),
            }),
            _free => {
                self.locks.insert(digest.clone(), (newcomer.id, self.now + ttl));
                None
            }
        }
    }

    pub(crate) fn add(&mut self, newcomers: Vec<Newcomer>, due: Option<Time>) -> Vec<Enqueued> {
        let mut answers = Vec::new();
        for newcomer in newcomers {
            answers.push(self.refuses(&newcomer).unwrap_or_else(|| {
                match due {
                    Some(due) => self.schedule(newcomer.task, due),
                    None => self.ready.push_back(vec![[newcomer.task].into()]),
                }
                Enqueued::new(newcomer.id)
            }));
        }
        answers
    }

    fn schedule(&mut self, task: Task, due: Time) {
        self.scheduled.push((due, task));
        self.scheduled.sort_by_key(|(due, _)| *due);
    }

    /// At least `max`, and no number that would leave open which of the tasks due at one time are moved.
    pub(crate) fn clear_promotion(&self, max: usize) -> usize {
        let dues: Vec<_> = self.scheduled.iter().map(|(due, _)| *due).collect();
        (max..dues.len()).find(|&cut| cut == 0 || dues[cut - 1] != dues[cut]).unwrap_or(max.max(dues.len()))
    }

    /// Answers how many were moved, and how long until the next is due.
    pub(crate) fn promote(&mut self, max: usize) -> (usize, Option<Time>) {
        let count = self.scheduled.iter().take(max).take_while(|(due, _)| *due <= self.now).count();
        let mut together: BTreeMap<Time, Group> = BTreeMap::new();
        for (due, task) in self.scheduled.drain(..count) {
            together.entry(due).or_default().push([task].into());
        }
        self.ready.extend(together.into_values());
        (count, self.scheduled.first().map(|(due, _)| due.saturating_sub(self.now)))
    }

    pub(crate) fn has_joined(&self, worker: WorkerId) -> bool {
        self.workers.contains_key(&worker)
    }

    pub(crate) fn extend_lease(&mut self, worker: WorkerId, ttl: Time) {
        self.workers.entry(worker).or_default().expires = self.now + ttl;
    }

    pub(crate) fn leave(&mut self, worker: WorkerId) -> usize {
        let left: VecDeque<_> = self.workers.remove(&worker).unwrap_or_default().claimed.into_values().collect();
        let count = left.len();
        self.ready.push_front(vec![left]);
        count
    }

    /// How many tasks a claim gets.
    pub(crate) fn claimable(&self, max: usize) -> usize {
        if self.paused { 0 } else { max.min(self.ready()) }
    }

    /// Follows a backend that let `worker` claim these tasks; none if it must not.
    pub(crate) fn claim(&mut self, worker: WorkerId, batch: u64, tasks: &[Task]) -> Option<()> {
        for (index, read) in tasks.iter().enumerate() {
            self.ready.retain(|group| group.iter().any(|chain| !chain.is_empty()));
            let chains = self.ready.front_mut()?;
            chains.iter_mut().find(|chain| chain.front().is_some_and(|task| task.may_be(read)))?.pop_front();
            self.workers.get_mut(&worker)?.claimed.insert((batch, index), read.clone());
        }
        Some(())
    }

    /// How many locks are held, or were and nobody asked again.
    pub(crate) fn locks(&self) -> usize {
        self.locks.len()
    }

    /// The unsettled tasks of `worker`.
    pub(crate) fn claimed(&self, worker: WorkerId) -> BTreeMap<Place, Task> {
        self.workers.get(&worker).map(|worker| worker.claimed.clone()).unwrap_or_default()
    }

    pub(crate) fn settle(&mut self, worker: WorkerId, settled: Vec<Settled>) {
        self.operations += 1;
        let mut released = BTreeMap::new();
        for Settled { place, fate, unlock } in settled {
            let Some(worker) = self.workers.get_mut(&worker) else { return };
            let Some(task) = worker.claimed.remove(&place) else { continue };
            match fate {
                Fate::Done => {}
                Fate::Retry(task, delay) => self.schedule(task, self.now + delay),
                Fate::Dead(id, reason, attempts) => self.bury(id, reason, attempts, task),
                Fate::Release => drop(released.insert(place, task)),
            }
            if let Some((digest, id)) = unlock {
                self.unlock(&digest, id);
            }
        }
        self.ready.push_front(vec![released.into_values().collect()]);
    }

    fn bury(&mut self, id: TaskId, reason: DeathReason, attempts: u32, task: Task) {
        let enqueued_at = task.envelope.as_ref().and_then(|header| header.enqueued_at);
        let (task, died, operation) = (task.untried(), self.now, self.operations);
        self.dead.push(Letter { id, reason, attempts, enqueued_at, task, died, operation });
    }

    /// Releases a lock, if it is its holder's wish.
    fn unlock(&mut self, digest: &str, id: TaskId) {
        if self.holder(digest) == Some(id) {
            self.locks.remove(digest);
        }
    }

    pub(crate) fn holder(&self, digest: &str) -> Option<TaskId> {
        self.locks.get(digest).map(|(holder, _)| *holder)
    }

    pub(crate) fn expired(&self) -> Vec<WorkerId> {
        let expired = self.workers.iter().filter(|(_, worker)| worker.expires <= self.now);
        expired.map(|(id, _)| *id).collect()
    }

    /// Answers how many tasks went back and how many to the dead letters.
    pub(crate) fn recover(&mut self, poison_after: u32) -> (usize, usize) {
        self.operations += 1;
        let (mut group, mut buried) = (Group::new(), 0);
        for worker in self.expired() {
            let mut requeued = VecDeque::new();
            for task in self.workers.remove(&worker).unwrap_or_default().claimed.into_values() {
                let task = task.crashed();
                match &task.envelope {
                    Some(header) if header.crashes >= poison_after => {
                        let (attempts, unique) = (header.attempt, header.unique.clone());
                        let id = header.id.expect("a task is claimed, and so its ID known, before its second crash");
                        if let Some(digest) = unique {
                            self.unlock(&digest, id);
                        }
                        self.bury(id, DeathReason::Poison, attempts, task);
                        buried += 1;
                    }
                    _ => requeued.push_back(task),
                }
            }
            group.push(requeued);
        }
        let requeued = group.iter().map(VecDeque::len).sum();
        self.ready.push_front(group);
        (requeued, buried)
    }

    fn take_dead(&mut self, chosen: impl Fn(&Letter) -> bool) -> Vec<Letter> {
        let (taken, kept) = self.dead.drain(..).partition(chosen);
        self.dead = kept;
        taken
    }

    pub(crate) fn replay(&mut self, chosen: impl Fn(&Letter) -> bool) -> usize {
        let group: Group = self.take_dead(chosen).into_iter().map(|letter| [letter.task].into()).collect();
        let count = group.len();
        self.ready.push_back(group);
        count
    }

    pub(crate) fn delete_dead(&mut self, chosen: impl Fn(&Letter) -> bool) -> usize {
        self.take_dead(chosen).len()
    }

    /// At most `count`, and no number that would leave open which letters of one operation are deleted.
    pub(crate) fn clear_bound(&self, count: usize) -> usize {
        let from = |kept: usize| self.dead.len() - kept;
        let is_clear = |&kept: &usize| {
            kept >= self.dead.len()
                || kept == 0
                || self.dead[from(kept) - 1].operation != self.dead[from(kept)].operation
        };
        (0..=count).rev().find(is_clear).unwrap_or(0)
    }

    pub(crate) fn trim_dead(&mut self, count: usize, age: Time) -> usize {
        let before = self.dead.len();
        self.dead.drain(..before.saturating_sub(count));
        self.dead.retain(|letter| self.now - letter.died <= age);
        before - self.dead.len()
    }

    pub(crate) fn ready(&self) -> usize {
        self.ready.iter().flatten().map(VecDeque::len).sum()
    }

    /// How many tasks are ready, claimed, scheduled and dead, and how many workers there are.
    pub(crate) fn counts(&self) -> [usize; 5] {
        let claimed = self.workers.values().map(|worker| worker.claimed.len()).sum();
        [self.ready(), claimed, self.scheduled.len(), self.dead.len(), self.workers.len()]
    }
}
