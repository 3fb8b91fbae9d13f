//! The engine: sleeps until the next firing is due, claims what is, has it dispatched, and settles what became of it.
//!
//! It knows no actor. All its state is in one loop: what runs is bounded by the concurrency, what has ended is settled
//! in batches, and a call that fails is made again. Leases are renewed beside the loop, as a call that hangs must not
//! cost them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, sleep_until};

use super::dispatch::Dispatch;
use crate::{
    backend::{
        ClaimId, DebounceBackend, DebounceKey, FiringClaim, FiringOutcome, FiringSettled, FiringSettlement, MAX_BATCH,
        Wakes,
    },
    worker::{LeaseOptions, Shutdown, Trouble},
};

/// How long the last calls of a ticker that ends may take; what it could not give back comes back when its leases expire.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// How a scheduler works; set through the [builder](super::DebounceSchedulerBuilder).
///
/// # Examples
/// See [`DebounceSchedulerBuilder`](super::DebounceSchedulerBuilder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchedulerOptions {
    /// How many firings of one debouncer are dispatched at once.
    pub concurrency: usize,
    /// How long firings stay the scheduler's own, and what time recipients have to handle them.
    pub hold: LeaseOptions,
    /// How often it looks for firings that it was not told of.
    pub repoll: Duration,
    /// How long until a firing whose recipient failed is due again.
    pub retry_after: Duration,
}

impl SchedulerOptions {
    /// [`concurrency`](Self::concurrency) unless told otherwise: as many as one claim may hold.
    pub const DEFAULT_CONCURRENCY: usize = MAX_BATCH;
    /// [`repoll`](Self::repoll) unless told otherwise. It is what a firing may be late that another program, such as one in
    /// Python, has added; those added by this library wake the scheduler.
    pub const DEFAULT_REPOLL: Duration = Duration::from_millis(250);
    /// [`retry_after`](Self::retry_after) unless told otherwise.
    pub const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);
    /// How often it is tried whether the task that holds a firing's lock has ended.
    pub const HELD_RECHECK: Duration = Duration::from_millis(250);
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            concurrency: Self::DEFAULT_CONCURRENCY,
            hold: LeaseOptions::default(),
            repoll: Self::DEFAULT_REPOLL,
            retry_after: Self::DEFAULT_RETRY_AFTER,
        }
    }
}

/// One debouncer's engine.
pub(crate) struct Ticker {
    pub(crate) backend: Arc<dyn DebounceBackend>,
    pub(crate) key: DebounceKey,
    pub(crate) dispatch: Dispatch,
    pub(crate) options: SchedulerOptions,
    pub(crate) shutdown: Shutdown,
}

/// The claims that hold something, with their members that are not settled.
type OpenClaims = RefCell<HashMap<ClaimId, HashSet<Vec<u8>>>>;

/// What the loop of a ticker holds.
struct Turn<'t> {
    ticker: &'t Ticker,
    running: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
    open: &'t OpenClaims,
    unsettled: BTreeMap<ClaimId, Vec<FiringSettlement>>,
    /// The next claim's ID: kept until a claim has given something, so that one whose reply was lost is repeated.
    next_claim: ClaimId,
    /// When to look next.
    look_at: Instant,
    claiming: Trouble,
    settling: Trouble,
}

/// A firing that was dispatched.
struct Ended {
    claim: ClaimId,
    settlement: FiringSettlement,
}

impl Ticker {
    /// Works until it is told to drain, and everything it has claimed is settled or given back.
    pub(crate) async fn run(&self) {
        let open = OpenClaims::default();
        let mut turn = Turn {
            ticker: self,
            running: FuturesUnordered::new(),
            open: &open,
            unsettled: BTreeMap::new(),
            next_claim: ClaimId::random(),
            look_at: Instant::now(),
            claiming: Trouble::default(),
            settling: Trouble::default(),
        };
        tokio::select! {
            () = turn.work() => {}
            () = self.keep_alive(&open) => {}
            () = self.last_call() => tracing::error!(key = %self.key, "not all firings could be settled before the end"),
        }
    }

    async fn last_call(&self) {
        self.shutdown.aborted().await;
        sleep(LAST_CALLS).await;
    }

    /// Renews the leases of all open claims, for ever.
    async fn keep_alive(&self, open: &OpenClaims) {
        let mut trouble = Trouble::default();
        loop {
            sleep(self.options.hold.heartbeat).await;
            let claims: Vec<_> = open.borrow().keys().copied().collect();
            for claims in claims.chunks(MAX_BATCH) {
                match self.backend.renew_firings(&self.key, claims, self.options.hold.lease).await {
                    Ok(_) => trouble.over(&self.key),
                    Err(error) => trouble.failed(&self.key, &error),
                }
            }
        }
    }

    async fn watch(&self) -> Wakes {
        let mut trouble = Trouble::default();
        loop {
            match self.backend.watch_firings(&self.key).await {
                Ok(wakes) => return wakes,
                Err(error) => trouble.failed(&self.key, &error),
            }
            trouble.wait().await;
        }
    }
}

impl Turn<'_> {
    async fn work(&mut self) {
        let shutdown = self.ticker.shutdown.clone();
        // Watching begins before the first look, so that nothing falls between the two.
        let mut wakes = tokio::select! {
            wakes = self.ticker.watch() => wakes,
            () = shutdown.draining() => return,
        };
        loop {
            if !shutdown.is_draining() && self.has_room() && self.look_at <= Instant::now() && self.claiming.may_try() {
                self.claim().await;
            }
            self.collect();
            if !self.unsettled.is_empty() && self.settling.may_try() {
                self.settle().await;
                continue;
            }
            if shutdown.is_draining() && self.running.is_empty() && self.unsettled.is_empty() {
                return;
            }
            let may_claim = !shutdown.is_draining() && self.has_room();
            let next_look = self.claiming.until().map_or(self.look_at, |until| until.max(self.look_at));
            let next_settling = self.settling.until();
            tokio::select! {
                Some(ended) = self.running.next() => self.note(ended),
                () = sleep_until(next_look), if may_claim => {}
                () = wakes.next(), if may_claim => self.look_at = Instant::now(),
                () = until(next_settling), if !self.unsettled.is_empty() => {}
                () = shutdown.draining(), if !shutdown.is_draining() => {}
                () = shutdown.aborted(), if !self.running.is_empty() => self.abort(),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.ticker.options.concurrency
    }

    /// Claims what is due and begins with it.
    async fn claim(&mut self) {
        let Ticker { backend, key, options, dispatch, .. } = self.ticker;
        let max = (options.concurrency - self.running.len()).min(MAX_BATCH);
        let claim = FiringClaim { id: self.next_claim, max, lease: options.hold.lease, early: false };
        let claimed = match backend.claim_firings(key, &claim).await {
            Ok(claimed) => claimed,
            Err(error) => return self.claiming.failed(key, &error),
        };
        self.claiming.over(key);
        let wait = claimed.next_due.map_or(options.repoll, |due| due.min(options.repoll));
        self.look_at = Instant::now() + wait;
        if !claimed.firings.is_empty() {
            self.next_claim = ClaimId::random();
            let members = claimed.firings.iter().map(|firing| firing.member.clone()).collect();
            self.open.borrow_mut().insert(claim.id, members);
        }
        for firing in claimed.firings {
            let member = firing.member.clone();
            // The fence is around the user's code: the decoding of the payload.
            let dispatched = AssertUnwindSafe(dispatch(firing, claimed.at)).catch_unwind();
            let ended = dispatched.map(move |outcome| {
                let outcome = outcome.unwrap_or_else(|_panic| FiringOutcome::Quarantine {
                    reason: "decoding the payload panicked".to_owned(),
                });
                Ended { claim: claim.id, settlement: FiringSettlement { member, outcome } }
            });
            self.running.push(ended.boxed_local());
        }
        if claimed.any_expired {
            self.recover().await;
        }
    }

    async fn recover(&mut self) {
        let Ticker { backend, key, .. } = self.ticker;
        match backend.recover_firings(key).await {
            Ok(recovered) => {
                if recovered.returned > 0 {
                    tracing::warn!(%key, returned = recovered.returned, "recovered the firings of a dead scheduler");
                    self.look_at = Instant::now();
                }
            }
            Err(error) => self.claiming.failed(key, &error),
        }
    }

    /// Notes what has ended by now.
    fn collect(&mut self) {
        while let Some(Some(ended)) = self.running.next().now_or_never() {
            self.note(ended);
        }
    }

    fn note(&mut self, Ended { claim, settlement }: Ended) {
        if let FiringOutcome::Quarantine { reason } = &settlement.outcome {
            let member = String::from_utf8_lossy(&settlement.member);
            tracing::error!(key = %self.ticker.key, %member, reason, "a firing is quarantined");
        }
        self.unsettled.entry(claim).or_default().push(settlement);
    }

    /// Settles what has ended, a claim at a time; what could not be settled is kept for the next try.
    async fn settle(&mut self) {
        let Ticker { backend, key, .. } = self.ticker;
        while let Some((claim, settlements)) = self.unsettled.pop_first() {
            match backend.settle_firings(key, claim, &settlements).await {
                Ok(settled) => {
                    self.settling.over(key);
                    let gone = settled.iter().filter(|settled| **settled == FiringSettled::Gone).count();
                    if gone > 0 {
                        tracing::debug!(%key, gone, "firings were settled before, or others have taken them over");
                    }
                    self.close(claim, &settlements);
                    // One that was put back may be due before all else.
                    if settlements.iter().any(|one| matches!(one.outcome, FiringOutcome::Return { .. }))
                        || settled.contains(&FiringSettled::HeldBack)
                    {
                        self.look_at = Instant::now();
                    }
                }
                Err(error) => {
                    self.settling.failed(key, &error);
                    self.unsettled.insert(claim, settlements);
                    return;
                }
            }
        }
    }

    fn close(&self, claim: ClaimId, settled: &[FiringSettlement]) {
        let mut open = self.open.borrow_mut();
        if let Some(members) = open.get_mut(&claim) {
            for settlement in settled {
                members.remove(&settlement.member);
            }
            if members.is_empty() {
                open.remove(&claim);
            }
        }
    }

    /// Gives back what still runs.
    fn abort(&mut self) {
        let (key, running) = (&self.ticker.key, self.running.len());
        tracing::warn!(%key, running, "giving back firings whose recipients did not answer in time");
        self.running.clear();
        for (claim, members) in &*self.open.borrow() {
            let unsettled = self.unsettled.entry(*claim).or_default();
            let ended: HashSet<_> = unsettled.iter().map(|settlement| settlement.member.clone()).collect();
            let returned = members.difference(&ended).map(|member| FiringSettlement {
                member: member.clone(),
                outcome: FiringOutcome::Return { after: None },
            });
            unsettled.extend(returned);
        }
    }
}

async fn until(time: Option<Instant>) {
    if let Some(time) = time {
        sleep_until(time).await;
    }
}
