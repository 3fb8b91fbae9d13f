//! Tasks are claimed and settled.

use std::{num::NonZeroUsize, time::Duration};

use proptest::prelude::*;
use redis_ext::{
    TaskId,
    backend::{BatchId, Claim, Claimed, ClaimedBatch, DeadLetter, DeathReason, Settlement},
    task::Envelope,
};

use super::{
    machine::{Agreed, Machine, Worker},
    ops::{self, Pick},
    reference::{Fate, Place, Settled},
    task::Task,
    world::about,
};

/// A call of `settle`, to be repeated.
pub(crate) struct LastSettled {
    settlements: Vec<Settlement>,
    for_model: Vec<Settled>,
    next: Option<Claim>,
}

impl Machine {
    fn next_claim(&mut self, worker: usize, max: usize) -> Claim {
        let batches = &mut self.workers[worker].batches;
        *batches += 1;
        Claim { batch: BatchId(*batches), max: NonZeroUsize::new(max).unwrap() }
    }

    pub(crate) async fn claim(&mut self, worker: usize, max: usize) -> Agreed {
        let claim = self.next_claim(worker, max);
        self.send_claim(worker, claim).await
    }

    async fn send_claim(&mut self, worker: usize, claim: Claim) -> Agreed {
        let answer = self.world.backend.claim(&self.workers[worker].lease, claim).await;
        match self.fenced(worker, answer)? {
            Some(batch) => self.claimed(worker, claim, batch),
            None => Ok(()),
        }
    }

    /// Repeats the last claim, as after a lost reply.
    pub(crate) async fn claim_again(&mut self, worker: usize) -> Agreed {
        match self.workers[worker].last_claim {
            Some((claim, _)) if self.is_untouched(worker) => self.send_claim(worker, claim).await,
            _ => Ok(()),
        }
    }

    /// Whether nothing of the last claim is settled: it was answered to nobody's knowledge.
    fn is_untouched(&self, worker: usize) -> bool {
        let claimed = self.model.claimed(self.workers[worker].id());
        let is_open = |Claim { batch, .. }: Claim| claimed.keys().filter(|(of, _)| *of == batch.0).count();
        self.workers[worker].last_claim.is_some_and(|(claim, count)| is_open(claim) == count)
    }

    /// Compares what a claim gave: what the batch holds if it was claimed before, else the head of the queue.
    fn claimed(&mut self, worker: usize, claim: Claim, ClaimedBatch { tasks, at, .. }: ClaimedBatch) -> Agreed {
        let (id, batch) = (self.workers[worker].id(), claim.batch);
        prop_assert!(
            about(at.saturating_since(self.world.now()), 0) && about(self.world.now().saturating_since(at), 0)
        );
        let mut read = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            self.workers[worker].entries.insert((batch.0, index), task.entry().to_vec());
            read.push(Task::read(task.entry()));
        }
        let of_batch = |(place, task): (Place, Task)| (place.0 == batch.0).then_some(task);
        let before: Vec<_> = self.model.claimed(id).into_iter().filter_map(of_batch).collect();
        if before.is_empty() {
            self.note("a claim got tasks", !read.is_empty());
            self.note("a claim on a paused queue got nothing", self.model.paused && self.model.ready() > 0);
            prop_assert_eq!(read.len(), self.model.claimable(claim.max.get()));
            let claimed = self.model.claim(id, batch.0, &read);
            prop_assert!(claimed.is_some(), "{:?} is not next in {:?}", read, self.model);
        } else {
            self.note("a claim was repeated", true);
            prop_assert_eq!(&read, &before);
        }
        self.workers[worker].last_claim = Some((claim, read.len()));
        Ok(())
    }

    pub(crate) async fn settle(&mut self, worker: usize, picks: &[Pick], next: Option<usize>) -> Agreed {
        let mut left: Vec<_> = self.model.claimed(self.workers[worker].id()).into_iter().collect();
        let (mut settlements, mut for_model) = (Vec::new(), Vec::new());
        for pick in picks.iter().take(left.len()) {
            let (place, task) = left.swap_remove(pick.which % left.len());
            let (settlement, settled) = self.settlement(worker, place, task, pick.fate);
            settlements.push(settlement);
            for_model.push(settled);
        }
        self.note("a part of a batch was settled", !settlements.is_empty() && !left.is_empty());
        let next = next.map(|max| self.next_claim(worker, max));
        self.workers[worker].last_settled = Some(LastSettled { settlements, for_model, next });
        self.send_settlements(worker).await
    }

    /// Repeats the last settlement, as after a lost reply, but not its claim if that has become known.
    pub(crate) async fn settle_again(&mut self, worker: usize) -> Agreed {
        let untouched = self.is_untouched(worker);
        let Worker { last_claim, last_settled, .. } = &mut self.workers[worker];
        let Some(last) = last_settled else { return Ok(()) };
        if !untouched || last.next != last_claim.map(|(claim, _)| claim) {
            last.next = None;
        }
        let is_something = !last.settlements.is_empty();
        self.note("a settlement was repeated", is_something);
        self.send_settlements(worker).await
    }

    async fn send_settlements(&mut self, worker: usize) -> Agreed {
        let Worker { lease, last_settled: Some(last), .. } = &self.workers[worker] else { return Ok(()) };
        let answer = self.world.backend.settle(lease, &last.settlements, last.next).await;
        let (for_model, next) = (last.for_model.clone(), last.next);
        let Some(batch) = self.fenced(worker, answer)? else { return Ok(()) };
        for (digest, id) in for_model.iter().filter_map(|settled| settled.unlock.clone()) {
            self.note(
                "a lock of another was left alone",
                self.model.holder(&digest).is_some_and(|holder| holder != id),
            );
        }
        self.model.settle(self.workers[worker].id(), for_model);
        match next {
            Some(claim) => {
                self.note("a settlement claimed the next tasks", !batch.tasks.is_empty());
                self.claimed(worker, claim, batch)
            }
            None => {
                prop_assert!(batch.tasks.is_empty());
                Ok(())
            }
        }
    }

    /// What a worker sends, and what the model makes of it.
    fn settlement(&mut self, worker: usize, place: Place, task: Task, fate: ops::Fate) -> (Settlement, Settled) {
        let entry = self.workers[worker].entries[&place].clone();
        let claimed = Claimed::new(entry.clone(), BatchId(place.0), place.1);
        let envelope = Envelope::parse(&entry).ok();
        let id = envelope.as_ref().map_or_else(TaskId::random, |envelope| envelope.id);
        let retry = |claimed: Claimed, delay: Duration, time| {
            let entry = envelope.as_ref().map_or_else(|| entry.clone(), |envelope| envelope.next_attempt().to_entry());
            let again = Task::read(&entry);
            (claimed.retry(id, entry, delay), Fate::Retry(again, time))
        };
        let (mut settlement, fate) = match fate {
            ops::Fate::Done => (claimed.done(), Fate::Done),
            ops::Fate::Release => (claimed.release(), Fate::Release),
            ops::Fate::RetryNow => retry(claimed, Duration::ZERO, 0),
            ops::Fate::RetryIn(span) => {
                let (delay, time) = self.last(span);
                retry(claimed, delay, time)
            }
            ops::Fate::Dead => {
                let kept = envelope.as_ref().map_or_else(|| entry.clone(), |envelope| envelope.untried().to_entry());
                let attempts = place.1 as u32 + 1;
                let enqueued_at = envelope.as_ref().and_then(|envelope| envelope.enqueued_at);
                let letter = DeadLetter::new(id, DeathReason::Fatal, vec!["it broke".to_owned()], kept);
                (claimed.dead(letter.with_history(attempts, enqueued_at)), Fate::Dead(id, DeathReason::Fatal, attempts))
            }
        };
        let digest = task.envelope.and_then(|header| header.unique);
        let unlock = digest.filter(|_| matches!(fate, Fate::Done | Fate::Dead(..))).map(|digest| (digest, id));
        settlement.unlock.clone_from(&unlock);
        (settlement, Settled { place, fate, unlock })
    }
}
