//! The debounce role: each operation is one step of a debouncer's state machine.

mod payloads;
mod state;

use std::time::Duration;

use async_trait::async_trait;
use dashmap::DashMap;
use redis_ext::{
    BackendError, BackendErrorKind, Timestamp,
    backend::{
        ClaimId, ClaimedFirings, DebounceBackend, DebounceKey, DebounceStats, Firing, FiringClaim, FiringSettled,
        FiringSettlement, MAX_BATCH, Operation, Page, Quarantined, RecoveredFirings, Trigger, TriggerRules, Triggered,
        Waker, Wakes,
    },
};

use crate::MemoryBackend;
use state::State;

/// All debouncers by their keys, each locked, through its shard of the map, for the time of one operation.
#[derive(Debug, Default)]
pub(crate) struct Debouncers(DashMap<DebounceKey, Place>);

#[derive(Debug, Default)]
struct Place {
    state: State,
    waker: Waker,
}

impl MemoryBackend {
    async fn debounce_step<R>(
        &self,
        operation: Operation,
        key: &DebounceKey,
        step: impl FnOnce(&mut State, Timestamp) -> R,
    ) -> Result<R, BackendError> {
        let change = async {
            let mut place = self.debouncers.0.entry(key.clone()).or_default();
            let earliest = place.state.earliest();
            let answer = step(&mut place.state, self.store.clock.now());
            if place.state.earliest().is_some_and(|now| earliest.is_none_or(|before| now < before)) {
                place.waker.wake();
            }
            Ok(answer)
        };
        self.faults.around(operation, change).await
    }

    fn check_triggers(&self, triggers: &[Trigger]) -> Result<(), BackendError> {
        let bytes_of = |trigger: &Trigger| trigger.member.len() + trigger.payload.as_ref().map_or(0, Vec::len);
        match triggers.iter().map(bytes_of).find(|&bytes| bytes > self.max_entry_bytes) {
            None => Ok(()),
            Some(bytes) => {
                let source = format!("an item has {bytes} bytes, and the limit is {}", self.max_entry_bytes);
                Err(BackendError::new(BackendErrorKind::TooLarge, Operation::Trigger).with_source(source))
            }
        }
    }
}

#[async_trait]
impl DebounceBackend for MemoryBackend {
    async fn time(&self) -> Result<Timestamp, BackendError> {
        self.faults.around(Operation::Time, async { Ok(self.store.clock.now()) }).await
    }

    async fn trigger(
        &self,
        key: &DebounceKey,
        triggers: &[Trigger],
        rules: &TriggerRules,
    ) -> Result<Vec<Triggered>, BackendError> {
        self.check_triggers(triggers)?;
        let each = |state: &mut State, now| triggers.iter().map(|one| state.trigger(one, rules, now)).collect();
        self.debounce_step(Operation::Trigger, key, each).await
    }

    async fn due_times(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<Option<Timestamp>>, BackendError> {
        let each = |state: &mut State, _| members.iter().map(|member| state.due_time(member)).collect();
        self.debounce_step(Operation::DueTimes, key, each).await
    }

    async fn cancel_firings(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError> {
        let each = |state: &mut State, _| members.iter().map(|member| state.cancel(member)).collect();
        self.debounce_step(Operation::CancelFirings, key, each).await
    }

    async fn claim_firings(&self, key: &DebounceKey, claim: &FiringClaim) -> Result<ClaimedFirings, BackendError> {
        self.debounce_step(Operation::ClaimFirings, key, |state, now| state.claim(claim, now)).await
    }

    async fn renew_firings(
        &self,
        key: &DebounceKey,
        claims: &[ClaimId],
        lease: Duration,
    ) -> Result<Vec<bool>, BackendError> {
        let each = |state: &mut State, now: Timestamp| {
            claims.iter().map(|&claim| state.renew(claim, now.saturating_add(lease))).collect()
        };
        self.debounce_step(Operation::RenewFirings, key, each).await
    }

    async fn settle_firings(
        &self,
        key: &DebounceKey,
        claim: ClaimId,
        settlements: &[FiringSettlement],
    ) -> Result<Vec<FiringSettled>, BackendError> {
        // The debouncer is locked while a queue is: no operation takes the two locks the other way round.
        let each = |state: &mut State, now| {
            let enqueue = |queue: &_, task: &_| {
                let added = self.store.change(queue, |queue, now| queue.enqueue(std::slice::from_ref(task), now));
                !added.iter().any(|enqueued| enqueued.is_duplicate())
            };
            settlements.iter().map(|settlement| state.settle(claim, settlement, now, enqueue)).collect()
        };
        self.debounce_step(Operation::SettleFirings, key, each).await
    }

    async fn recover_firings(&self, key: &DebounceKey) -> Result<RecoveredFirings, BackendError> {
        let recover = |state: &mut State, now| RecoveredFirings { returned: state.recover(now), more: false };
        self.debounce_step(Operation::RecoverFirings, key, recover).await
    }

    async fn peek_firings(&self, key: &DebounceKey, limit: usize) -> Result<Vec<Firing>, BackendError> {
        self.debounce_step(Operation::PeekFirings, key, |state, _| state.peek(limit.min(MAX_BATCH))).await
    }

    async fn quarantined(&self, key: &DebounceKey, page: Page) -> Result<Vec<Quarantined>, BackendError> {
        self.debounce_step(Operation::Quarantined, key, |state, _| state.quarantined(page)).await
    }

    async fn release_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError> {
        let each = |state: &mut State, now| members.iter().filter(|member| state.release(member, now)).count();
        self.debounce_step(Operation::ReleaseQuarantined, key, each).await
    }

    async fn delete_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError> {
        let each = |state: &mut State, _| members.iter().filter(|member| state.delete(member)).count();
        self.debounce_step(Operation::DeleteQuarantined, key, each).await
    }

    async fn inspect_debounce(&self, key: &DebounceKey) -> Result<DebounceStats, BackendError> {
        self.debounce_step(Operation::InspectDebounce, key, |state, now| state.stats(now)).await
    }

    async fn clear_firings(&self, key: &DebounceKey) -> Result<usize, BackendError> {
        self.debounce_step(Operation::ClearFirings, key, |state, _| state.clear()).await
    }

    async fn watch_firings(&self, key: &DebounceKey) -> Result<Wakes, BackendError> {
        let watch = async { Ok(self.debouncers.0.entry(key.clone()).or_default().waker.watch()) };
        self.faults.around(Operation::WatchFirings, watch).await
    }
}
