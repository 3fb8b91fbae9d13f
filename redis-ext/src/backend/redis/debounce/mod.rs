//! The debounce role: firings in a zset of the user's key, with what else is known of them beside it.
//!
//! This file is the list of operations; `wire` holds the form of rules, payloads and answers, `wakes` the connection on
//! which schedulers are woken.

mod wakes;
mod wire;

use std::time::Duration;

use async_trait::async_trait;

use super::{
    RedisBackend,
    keys::DebounceKeys,
    reply,
    scripts::{
        DEBOUNCE_CANCEL, DEBOUNCE_CLAIM, DEBOUNCE_CLEAR, DEBOUNCE_DELETE, DEBOUNCE_DUE_TIMES, DEBOUNCE_EXPIRED,
        DEBOUNCE_INSPECT, DEBOUNCE_PEEK, DEBOUNCE_QUARANTINED, DEBOUNCE_RECOVER, DEBOUNCE_RELEASE, DEBOUNCE_RENEW,
        DEBOUNCE_SETTLE, DEBOUNCE_TRIGGER, Request,
    },
};
use crate::{
    backend::{
        BackendError, BackendErrorKind, ClaimId, ClaimedFirings, DebounceBackend, DebounceKey, DebounceStats, Firing,
        FiringClaim, FiringSettled, FiringSettlement, MAX_BATCH, MAX_QUARANTINED, Operation, Page, Quarantined,
        RecoveredFirings, Trigger, TriggerRules, Triggered, Wakes,
    },
    codec::millis,
    task::Timestamp,
};

/// How many expired claims one call recovers at most.
const MAX_RECOVERED: usize = 8;

impl RedisBackend {
    /// As for tasks: scripts have room for so many arguments, and one request must not hold up all others.
    fn check_firings<T>(
        &self,
        operation: Operation,
        items: &[T],
        bytes_of: impl Fn(&T) -> usize,
    ) -> Result<(), BackendError> {
        let too_large = |source: String| BackendError::new(BackendErrorKind::TooLarge, operation).with_source(source);
        if items.len() > MAX_BATCH {
            let count = items.len();
            return Err(too_large(format!("{count} items are too many for one call, which takes {MAX_BATCH}")));
        }
        let limit = self.inner.max_entry_bytes;
        match items.iter().map(bytes_of).find(|&bytes| bytes > limit) {
            None => Ok(()),
            Some(bytes) => Err(too_large(format!("an item has {bytes} bytes, and the limit is {limit}"))),
        }
    }

    fn check_members(&self, operation: Operation, members: &[Vec<u8>]) -> Result<(), BackendError> {
        self.check_firings(operation, members, Vec::len)
    }
}

#[async_trait]
impl DebounceBackend for RedisBackend {
    async fn time(&self) -> Result<Timestamp, BackendError> {
        let reply = self.link().send(Operation::Time, &Request::command("TIME")).await?;
        let (seconds, micros): (u64, u64) = reply::read(Operation::Time, reply)?;
        Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000))
    }

    async fn trigger(
        &self,
        key: &DebounceKey,
        triggers: &[Trigger],
        rules: &TriggerRules,
    ) -> Result<Vec<Triggered>, BackendError> {
        let bytes_of = |trigger: &Trigger| trigger.member.len() + trigger.payload.as_ref().map_or(0, Vec::len);
        self.check_firings(Operation::Trigger, triggers, bytes_of)?;
        if triggers.is_empty() {
            return Ok(Vec::new());
        }
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(
            &DEBOUNCE_TRIGGER,
            &[keys.pending(), keys.parked(), keys.payloads(), keys.bursts(), keys.quiet(), keys.active()],
        );
        wire::add_rules(&mut request, rules);
        request.arg(keys.wake_channel()).arg(MAX_BATCH);
        for trigger in triggers {
            wire::add_trigger(&mut request, trigger);
        }
        wire::triggered(self.link().send(Operation::Trigger, &request).await?)
    }

    async fn due_times(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<Option<Timestamp>>, BackendError> {
        self.check_members(Operation::DueTimes, members)?;
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(&DEBOUNCE_DUE_TIMES, &[keys.pending(), keys.parked()]);
        let reply = self.link().send(Operation::DueTimes, request.arg(members)).await?;
        let dues: Vec<String> = reply::read(Operation::DueTimes, reply)?;
        Ok(dues.iter().map(|due| due.parse().ok().map(Timestamp::from_millis)).collect())
    }

    async fn cancel_firings(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError> {
        self.check_members(Operation::CancelFirings, members)?;
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(
            &DEBOUNCE_CANCEL,
            &[keys.pending(), keys.parked(), keys.payloads(), keys.bursts(), keys.quiet()],
        );
        let reply = self.link().send(Operation::CancelFirings, request.arg(members)).await?;
        reply::read(Operation::CancelFirings, reply)
    }

    async fn claim_firings(&self, key: &DebounceKey, claim: &FiringClaim) -> Result<ClaimedFirings, BackendError> {
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(
            &DEBOUNCE_CLAIM,
            &[
                keys.pending(),
                keys.parked(),
                keys.payloads(),
                keys.bursts(),
                keys.active(),
                keys.claims(),
                keys.claim(claim.id),
            ],
        );
        request.arg(claim.id.to_string()).arg(claim.max.min(MAX_BATCH)).arg(millis::of(claim.lease));
        request.arg(if claim.early { "all" } else { "due" });
        wire::claimed(self.link().send(Operation::ClaimFirings, &request).await?)
    }

    async fn renew_firings(
        &self,
        key: &DebounceKey,
        claims: &[ClaimId],
        lease: Duration,
    ) -> Result<Vec<bool>, BackendError> {
        self.check_firings(Operation::RenewFirings, claims, |_| 0)?;
        let mut request = Request::script(&DEBOUNCE_RENEW, &[DebounceKeys::of(key).claims()]);
        request.arg(millis::of(lease));
        for claim in claims {
            request.arg(claim.to_string());
        }
        reply::read(Operation::RenewFirings, self.link().send(Operation::RenewFirings, &request).await?)
    }

    async fn settle_firings(
        &self,
        key: &DebounceKey,
        claim: ClaimId,
        settlements: &[FiringSettlement],
    ) -> Result<Vec<FiringSettled>, BackendError> {
        // Of any size: the payloads were accepted, and what is refused here would never leave.
        self.check_firings(Operation::SettleFirings, settlements, |_| 0)?;
        let keys = DebounceKeys::of(key);
        let fixed = [
            keys.pending(),
            keys.parked(),
            keys.payloads(),
            keys.active(),
            keys.claims(),
            keys.claim(claim),
            keys.quarantine(),
            keys.quarantine_records(),
        ];
        let places = wire::Places::of(settlements, fixed.len());
        let mut request = Request::script(&DEBOUNCE_SETTLE, &[&fixed[..], &places.keys()].concat());
        request.arg(claim.to_string()).arg(keys.wake_channel()).arg(MAX_QUARANTINED).arg(places.queue_count());
        for (at, settlement) in settlements.iter().enumerate() {
            wire::add_settlement(&mut request, settlement, places.of_settlement(at));
        }
        wire::settled(self.link().send(Operation::SettleFirings, &request).await?)
    }

    async fn recover_firings(&self, key: &DebounceKey) -> Result<RecoveredFirings, BackendError> {
        let operation = Operation::RecoverFirings;
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(&DEBOUNCE_EXPIRED, &[keys.claims()]);
        let expired: Vec<String> =
            reply::read(operation, self.link().send(operation, request.arg(MAX_RECOVERED)).await?)?;
        let mut recovered = RecoveredFirings { returned: 0, more: expired.len() == MAX_RECOVERED };
        for (at, id) in expired.iter().enumerate() {
            let claim = id.parse().map_err(|error| reply::corrupt(operation, error))?;
            let all = [keys.pending(), keys.parked(), keys.payloads(), keys.active(), keys.claims(), keys.claim(claim)];
            let mut request = Request::script(&DEBOUNCE_RECOVER, &all);
            let reply = self.link().send(operation, request.arg(id).arg(keys.wake_channel())).await;
            let reply = reply.map_err(|error| if at > 0 { error.maybe_applied() } else { error })?;
            recovered.returned += reply::read::<usize>(operation, reply)?;
        }
        Ok(recovered)
    }

    async fn peek_firings(&self, key: &DebounceKey, limit: usize) -> Result<Vec<Firing>, BackendError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(&DEBOUNCE_PEEK, &[keys.pending(), keys.payloads()]);
        let reply = self.link().send(Operation::PeekFirings, request.arg(limit.min(MAX_BATCH))).await?;
        wire::firings(Operation::PeekFirings, reply)
    }

    async fn quarantined(&self, key: &DebounceKey, page: Page) -> Result<Vec<Quarantined>, BackendError> {
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(&DEBOUNCE_QUARANTINED, &[keys.quarantine(), keys.quarantine_records()]);
        // The script reads the numbers as floats, which are exact up to here.
        request.arg(page.offset.min(1 << 52)).arg(page.limit.min(MAX_BATCH));
        wire::quarantined(self.link().send(Operation::Quarantined, &request).await?)
    }

    async fn release_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError> {
        self.check_members(Operation::ReleaseQuarantined, members)?;
        let keys = DebounceKeys::of(key);
        let all = [keys.pending(), keys.parked(), keys.payloads(), keys.quarantine(), keys.quarantine_records()];
        let mut request = Request::script(&DEBOUNCE_RELEASE, &all);
        request.arg(keys.wake_channel()).arg(members);
        let reply = self.link().send(Operation::ReleaseQuarantined, &request).await?;
        reply::read(Operation::ReleaseQuarantined, reply)
    }

    async fn delete_quarantined(&self, key: &DebounceKey, members: &[Vec<u8>]) -> Result<usize, BackendError> {
        self.check_members(Operation::DeleteQuarantined, members)?;
        if members.is_empty() {
            return Ok(0);
        }
        let keys = DebounceKeys::of(key);
        let mut request = Request::script(&DEBOUNCE_DELETE, &[keys.quarantine(), keys.quarantine_records()]);
        let reply = self.link().send(Operation::DeleteQuarantined, request.arg(members)).await?;
        reply::read(Operation::DeleteQuarantined, reply)
    }

    async fn inspect_debounce(&self, key: &DebounceKey) -> Result<DebounceStats, BackendError> {
        let keys = DebounceKeys::of(key);
        let all = [keys.pending(), keys.parked(), keys.active(), keys.quarantine()];
        let request = Request::script(&DEBOUNCE_INSPECT, &all);
        let reply = self.link().send(Operation::InspectDebounce, &request).await?;
        let (pending, overdue, active, quarantined) = reply::read(Operation::InspectDebounce, reply)?;
        Ok(DebounceStats::new(pending, overdue, active, quarantined))
    }

    async fn clear_firings(&self, key: &DebounceKey) -> Result<usize, BackendError> {
        let keys = DebounceKeys::of(key);
        let all = [keys.pending(), keys.parked(), keys.payloads(), keys.bursts(), keys.quiet()];
        let request = Request::script(&DEBOUNCE_CLEAR, &all);
        reply::read(Operation::ClearFirings, self.link().send(Operation::ClearFirings, &request).await?)
    }

    async fn watch_firings(&self, key: &DebounceKey) -> Result<Wakes, BackendError> {
        Ok(wakes::watch(self.link(), DebounceKeys::of(key).wake_channel()).await)
    }
}
