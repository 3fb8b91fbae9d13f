//! The work of one incarnation on one queue: claim, run, settle, until the queue is left or the lease is lost.
//!
//! One loop owns all state. Two calls may be under way at once: an *exchange*, which settles outcomes and claims more
//! in the same step, and a *wait*, which claims as soon as something is pushed to an empty queue.

use std::collections::{HashSet, VecDeque};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    ErrorPolicy,
    attempt::{Attempts, ClaimedAt, Outcome, TaskFailure},
    call::{Answered, Call, under_way},
    cancellation::{Run, Sifted, Watch},
    fetcher::Fetcher,
    lane::Lane,
    quota::Seats,
    restarts::Restarts,
    settler::Settler,
    suspicion::{Caution, is_suspect},
    trouble::Trouble,
};
use crate::{
    BackendErrorKind, Error, TaskId,
    backend::{Claimed, ClaimedBatch, Disposition, Lease},
};

/// How a shift ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ShiftEnd {
    /// Everything was settled or given back, after the lane was told to drain.
    Drained,
    /// The lease was lost: whatever was held belongs to others now.
    LeaseLost,
}

pub(crate) struct Shift<'l> {
    lane: &'l Lane,
    lease: &'l Lease,
    attempts: &'l Attempts<'l>,
    fetcher: Fetcher,
    settler: Settler,
    /// Claimed tasks that no handler has begun.
    queued: VecDeque<(Claimed, ClaimedAt)>,
    running: FuturesUnordered<Run<'l>>,
    watch: Watch,
    exchange: Option<Call>,
    wait: Option<Call>,
    stop_waiting: CancellationToken,
    claim_trouble: Trouble,
    settle_trouble: Trouble,
    seats: Seats,
    caution: Caution,
    restarts: &'l mut Restarts,
    draining: bool,
}

impl<'l> Shift<'l> {
    pub(crate) fn new(
        lane: &'l Lane,
        lease: &'l Lease,
        attempts: &'l Attempts<'l>,
        restarts: &'l mut Restarts,
    ) -> Self {
        Self {
            lane,
            lease,
            attempts,
            fetcher: Fetcher::new(lane.concurrency, lane.prefetch),
            settler: Settler::default(),
            queued: VecDeque::new(),
            running: FuturesUnordered::new(),
            watch: Watch::new(lane.options.hold.heartbeat),
            exchange: None,
            wait: None,
            stop_waiting: CancellationToken::new(),
            claim_trouble: Trouble::default(),
            settle_trouble: Trouble::default(),
            seats: Seats::new(lane.quota.clone()),
            caution: Caution::new(lane.court.clone()),
            restarts,
            draining: false,
        }
    }

    /// Works until the lane drains or the lease is lost. `lost` tells of a loss that the heartbeat met.
    ///
    /// # Cancel safety
    /// Dropping it leaves what is held to the lease's end.
    pub(crate) async fn work(mut self, lost: &CancellationToken) -> ShiftEnd {
        let mut turns = self.seats.turns();
        loop {
            if self.lane.shutdown.is_draining() && !self.draining {
                self.begin_draining();
            }
            let turn_began = Instant::now();
            if self.holds_nothing() {
                if self.draining {
                    return ShiftEnd::Drained;
                }
                self.caution.holds_nothing();
            }
            self.begin_tasks();
            self.begin_calls();
            let wake_up = self.next_due(turn_began);
            let may_begin = !self.draining && self.restarts.pause_until().is_none();
            let idle = self.has_no_task();
            let answered = tokio::select! {
                biased;
                () = lost.cancelled() => return ShiftEnd::LeaseLost,
                // Calls come first: handlers that are always ready must not keep them from being sent and answered.
                answered = under_way(&mut self.exchange) => answered,
                answered = under_way(&mut self.wait) => answered,
                cancelled = self.watch.answer(&self.lane.queue) => {
                    self.end_cancelled(&cancelled);
                    continue;
                }
                Some(outcome) = self.running.next(), if !self.running.is_empty() => {
                    self.note_finished(outcome);
                    continue;
                }
                () = self.lane.shutdown.draining(), if !self.draining => continue,
                () = self.caution.turn(idle), if may_begin => continue,
                () = turn(&mut turns) => continue,
                () = at(wake_up) => continue,
            };
            if self.note_answer(answered) == Some(ShiftEnd::LeaseLost) {
                return ShiftEnd::LeaseLost;
            }
        }
    }

    fn begin_tasks(&mut self) {
        if self.restarts.pause_until().is_some() {
            self.give_back_queued();
        }
        while self.running.len() < self.lane.concurrency && !self.queued.is_empty() {
            if !self.seats.take() {
                return;
            }
            if let Some((task, claimed_at)) = self.queued.pop_front() {
                self.running.push(self.attempts.run(task, claimed_at));
            }
        }
        self.seats.rest();
    }

    fn begin_calls(&mut self) {
        let (running, queued) = (self.running.len(), self.queued.len());
        // Outcomes that cannot be settled hold claims back, so that a store that fails or hangs does not fill the memory.
        let unsettled = match self.exchange.as_ref().and_then(Call::hanging) {
            Some(settling) => settling + self.settler.len(),
            None if self.settle_trouble.is_on() => self.settler.len(),
            None => 0,
        };
        let may_claim = !self.draining && self.claim_trouble.may_try() && self.restarts.pause_until().is_none();

        if !self.running.is_empty() {
            let tickets = self.running.iter().map(|run| &*run.ticket);
            self.watch.begin(&self.lane.backend, &self.lane.queue, tickets);
        }
        if self.exchange.is_none() {
            let quiet = self.draining || running + queued == 0;
            let settle_due = self.settle_trouble.may_try() && self.settler.is_due(quiet);
            // In trouble each goes alone: a queue that cannot be claimed from does not hold up its outcomes.
            let apart = self.claim_trouble.is_on() || self.settle_trouble.is_on();
            let claim = if may_claim && self.wait.is_none() && !(apart && settle_due) {
                self.fetcher.claim(running, queued, unsettled, self.claimable())
            } else {
                None
            };
            let settlements =
                if settle_due || (claim.is_some() && !apart) { self.settler.take(quiet) } else { Vec::new() };
            if claim.is_some() || !settlements.is_empty() {
                self.exchange = Some(Call::exchange(&self.lane.backend, self.lease, settlements, claim));
                return;
            }
        }
        if self.wait.is_none() && may_claim {
            let claim = self.fetcher.waiting_claim(running, queued, unsettled, self.claimable());
            let (patience, stop) = (self.lane.options.hold.lease / 2, &self.stop_waiting);
            let wait = |claim| Call::wait_for_push(&self.lane.backend, self.lease, claim, patience, stop.clone());
            self.wait = claim.map(wait);
        }
    }

    fn claimable(&self) -> usize {
        self.seats.claimable().min(self.caution.claimable(self.has_no_task()))
    }

    fn end_cancelled(&self, cancelled: &HashSet<TaskId>) {
        for run in &self.running {
            if run.ticket.id.get().is_some_and(|id| cancelled.contains(&id)) {
                run.ticket.revoke();
            }
        }
    }

    /// Notes an outcome, and whatever else has finished by now.
    fn note_finished(&mut self, outcome: Outcome) {
        let mut finished = 0;
        let mut next = Some(outcome);
        while let Some(Outcome { settlement, failure }) = next {
            finished += 1;
            self.settler.push(settlement);
            if let Some(failure) = failure {
                self.note_failure(failure);
            }
            next = self.running.next().now_or_never().flatten();
        }
        self.fetcher.finished(finished);
        self.seats.give_back(finished);
    }

    fn note_failure(&mut self, failure: TaskFailure) {
        let TaskFailure { id, attempt, error, crashed } = failure;
        if crashed {
            self.restarts.crashed(&self.lane.queue);
        }
        if self.lane.error_policy == ErrorPolicy::StopOnFirst {
            let (queue, source) = (self.lane.queue.clone(), error.into_cause());
            self.lane.shutdown.drain_for(Error::TaskFailed { queue, task: id, attempt, source });
        }
    }

    fn note_answer(&mut self, answered: Answered) -> Option<ShiftEnd> {
        let Answered { settlements, claim, result } = answered;
        let settled = !settlements.is_empty();
        match result {
            Ok(Sifted { batch, cancelled }) => {
                if settled {
                    self.settle_trouble.over(&self.lane.queue);
                }
                if let Some(claim) = claim {
                    self.claim_trouble.over(&self.lane.queue);
                    let tasks = batch.tasks.len() + cancelled.len();
                    self.fetcher.claimed(claim, tasks);
                    self.settler.claimed(claim.batch, tasks);
                    self.take_in(batch);
                }
                if settlements.iter().any(|settled| matches!(settled.disposition, Disposition::Retry { .. })) {
                    self.lane.retry_scheduled.notify_one();
                }
                cancelled.into_iter().for_each(|settlement| self.settler.push(settlement));
                if self.draining {
                    self.give_back_queued();
                }
                None
            }
            Err(error) if error.kind() == BackendErrorKind::LeaseLost => Some(ShiftEnd::LeaseLost),
            Err(error) => {
                if settled {
                    self.settle_trouble.failed(&self.lane.queue, &error);
                    self.settler.put_back(settlements);
                }
                if let Some(claim) = claim {
                    self.claim_trouble.failed(&self.lane.queue, &error);
                    self.fetcher.failed(claim);
                }
                None
            }
        }
    }

    /// Queues what was claimed. Suspects that may not be tried now go back, to be claimed again one by one.
    fn take_in(&mut self, ClaimedBatch { tasks, at, .. }: ClaimedBatch) {
        let claimed_at = ClaimedAt { backend: at, local: Instant::now() };
        let may_try = self.caution.may_try(tasks.len() == 1 && self.has_no_task());
        let mut any_suspect = false;
        for task in tasks {
            let suspect = is_suspect(&task, self.lane.options.recovery);
            any_suspect |= suspect;
            if suspect && !may_try {
                self.settler.push(task.release());
            } else {
                self.queued.push_back((task, claimed_at));
            }
        }
        self.caution.claimed(any_suspect);
    }

    fn begin_draining(&mut self) {
        self.draining = true;
        self.stop_waiting.cancel();
        self.give_back_queued();
    }

    /// The latest first, as each call puts its tasks before those that were given back earlier.
    fn give_back_queued(&mut self) {
        while let Some((task, _)) = self.queued.pop_back() {
            self.settler.push(task.release());
        }
    }

    fn has_no_task(&self) -> bool {
        self.running.is_empty() && self.queued.is_empty()
    }

    fn holds_nothing(&self) -> bool {
        self.has_no_task() && self.settler.is_empty() && self.exchange.is_none() && self.wait.is_none()
    }

    /// The next moment at which time alone makes something possible that was not so when the turn began.
    fn next_due(&self, turn_began: Instant) -> Option<Instant> {
        let pause_until = self.restarts.pause_until();
        let watch_at = self.watch.due_at().filter(|_| !self.running.is_empty());
        [self.settler.due_at(), self.claim_trouble.until(), self.settle_trouble.until(), pause_until, watch_at]
            .into_iter()
            .flatten()
            .filter(|&due| due > turn_began)
            .min()
    }
}

/// Waits until another queue's turn has ended; for ever where queues do not compete.
async fn turn(turns: &mut Option<watch::Receiver<()>>) {
    let Some(turns) = turns else { return std::future::pending().await };
    if turns.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
