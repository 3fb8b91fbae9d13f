//! One debouncer as a state machine: each operation of the contract is a plain function of the state and the time.
//!
//! Nothing here waits, locks or knows a clock, so that the rules can be read and tested on their own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use redis_ext::{
    QueueName, Timestamp,
    backend::{
        ClaimId, ClaimedFirings, DebounceStats, Due, Firing, FiringClaim, FiringOutcome, FiringSettled,
        FiringSettlement, MAX_BATCH, MAX_QUARANTINED, NewTask, Page, Quarantined, Repeat, Trigger, TriggerRules,
        Triggered,
    },
};

use super::payloads::{Added, Payloads};

/// Below this many quiet times, those that are over are not worth a search.
const FORGET_FROM: usize = 64;

type Member = Vec<u8>;

#[derive(Debug, Default)]
pub(crate) struct State {
    pending: HashMap<Member, Pending>,
    /// The pending members by their due times, without those that wait for the end of their own member's run.
    order: BTreeSet<(Timestamp, Member)>,
    active: HashMap<Member, Active>,
    claims: BTreeMap<ClaimId, Claim>,
    quiet: HashMap<Member, Timestamp>,
    forget_at: usize,
    quarantine: BTreeMap<u64, Quarantine>,
    quarantined_before: u64,
}

#[derive(Debug)]
struct Pending {
    due: Timestamp,
    payloads: Payloads,
    /// Unknown for one that came back from a run: the next trigger begins it.
    burst: Option<Burst>,
    /// Due, and waiting for the end of the same member's run.
    parked: bool,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    began: Timestamp,
    count: u32,
}

#[derive(Debug)]
struct Active {
    claim: ClaimId,
    payloads: usize,
}

#[derive(Debug)]
struct Claim {
    expires: Timestamp,
    firings: HashMap<Member, (Timestamp, Payloads)>,
}

#[derive(Debug)]
struct Quarantine {
    member: Member,
    due: Timestamp,
    payloads: Payloads,
    reason: String,
    since: Timestamp,
}

impl State {
    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        self.order.first().map(|&(due, _)| due)
    }

    pub(crate) fn trigger(&mut self, trigger: &Trigger, rules: &TriggerRules, now: Timestamp) -> Triggered {
        let due = match trigger.due {
            Due::In(delay) => now.saturating_add(delay),
            Due::At(at) => at,
        };
        if self.pending.contains_key(&trigger.member) && rules.repeat != Repeat::Replace {
            return self.join(trigger, rules, due, now);
        }
        let replaced = self.take(&trigger.member).is_some();
        let mut due = due;
        if let Repeat::Throttle { quiet } = rules.repeat {
            if let Some(&until) = self.quiet.get(&trigger.member).filter(|until| **until > now) {
                return Triggered::Throttled { until };
            }
            self.forget_what_is_over(now);
            self.quiet.insert(trigger.member.clone(), now.saturating_add(quiet));
            due = now;
        }
        let burst = Burst { began: now, count: 1 };
        let mut payloads = Payloads::new(rules.payloads);
        due = bounded(due, rules.repeat, burst, now);
        if payloads.add(trigger, rules.payloads, self.active_payloads(&trigger.member)) == Added::Fills {
            due = due.min(now);
        }
        self.put(trigger.member.clone(), Pending { due, payloads, burst: Some(burst), parked: false });
        if replaced { Triggered::Moved { due } } else { Triggered::New { due } }
    }

    /// Forgets quiet times that are over, each time their number has doubled, which makes it cheap for each.
    fn forget_what_is_over(&mut self, now: Timestamp) {
        if self.quiet.len() >= self.forget_at.max(FORGET_FROM) {
            self.quiet.retain(|_, until| *until > now);
            self.forget_at = self.quiet.len() * 2;
        }
    }

    /// What a trigger does to a firing that is pending.
    fn join(&mut self, trigger: &Trigger, rules: &TriggerRules, asked: Timestamp, now: Timestamp) -> Triggered {
        let active = self.active_payloads(&trigger.member);
        let Some(mut pending) = self.take(&trigger.member) else { return Triggered::New { due: asked } };
        let before = pending.due;
        let added = pending.payloads.add(trigger, rules.payloads, active);
        let resets = matches!(rules.repeat, Repeat::Reset { .. }) && added != Added::Refused;
        if resets {
            let Burst { began, count } = pending.burst.unwrap_or(Burst { began: now, count: 1 });
            let burst = Burst { began, count: count.saturating_add(1) };
            pending.due = bounded(asked, rules.repeat, burst, now);
            pending.burst = Some(burst);
        }
        if added != Added::Fits {
            pending.due = pending.due.min(now);
        }
        pending.parked &= pending.due == before;
        let due = pending.due;
        self.put(trigger.member.clone(), pending);
        match added {
            Added::Refused => Triggered::Full { due },
            _ if resets => Triggered::Moved { due },
            _ => Triggered::Joined { due },
        }
    }

    fn active_payloads(&self, member: &[u8]) -> usize {
        self.active.get(member).map_or(0, |active| active.payloads)
    }

    pub(crate) fn due_time(&self, member: &[u8]) -> Option<Timestamp> {
        self.pending.get(member).map(|pending| pending.due)
    }

    pub(crate) fn cancel(&mut self, member: &[u8]) -> bool {
        let was_pending = self.take(member).is_some();
        if was_pending {
            // It has not fired, so the next trigger may.
            self.quiet.remove(member);
        }
        was_pending
    }

    pub(crate) fn claim(&mut self, claim: &FiringClaim, now: Timestamp) -> ClaimedFirings {
        let any_expired = self.claims.values().any(|claim| claim.expires <= now);
        if !self.claims.contains_key(&claim.id) {
            self.take_due(claim, now);
        }
        let held = self.claims.get(&claim.id).into_iter().flat_map(|held| &held.firings);
        let mut firings: Vec<_> = held
            .map(|(member, (due, payloads))| Firing { member: member.clone(), due: *due, payloads: payloads.to_vecs() })
            .collect();
        firings.sort_by(|a, b| (a.due, &a.member).cmp(&(b.due, &b.member)));
        let next_due = self.earliest().map(|due| due.saturating_since(now));
        ClaimedFirings::new(firings, next_due, now, any_expired)
    }

    fn take_due(&mut self, claim: &FiringClaim, now: Timestamp) {
        let is_due = |&&(due, _): &&(Timestamp, Member)| claim.early || due <= now;
        let due: Vec<_> = self.order.iter().take_while(is_due).take(claim.max.min(MAX_BATCH)).cloned().collect();
        let mut firings = HashMap::new();
        for (due, member) in due {
            let Some(mut pending) = self.take(&member) else { continue };
            if self.active.contains_key(&member) {
                pending.parked = true;
                self.put(member, pending);
            } else {
                self.active.insert(member.clone(), Active { claim: claim.id, payloads: pending.payloads.len() });
                firings.insert(member, (due, pending.payloads));
            }
        }
        if !firings.is_empty() {
            self.claims.insert(claim.id, Claim { expires: now.saturating_add(claim.lease), firings });
        }
    }

    pub(crate) fn renew(&mut self, claim: ClaimId, expires: Timestamp) -> bool {
        self.claims.get_mut(&claim).map(|claim| claim.expires = expires).is_some()
    }

    /// Settles one firing; `enqueue` says whether the task went into the queue.
    pub(crate) fn settle(
        &mut self,
        claim: ClaimId,
        settlement: &FiringSettlement,
        now: Timestamp,
        enqueue: impl Fn(&QueueName, &NewTask) -> bool,
    ) -> FiringSettled {
        let FiringSettlement { member, outcome } = settlement;
        let Some(held) = self.claims.get_mut(&claim) else { return FiringSettled::Gone };
        let Some((due, payloads)) = held.firings.remove(member) else { return FiringSettled::Gone };
        if held.firings.is_empty() {
            self.claims.remove(&claim);
        }
        self.active.remove(member);
        match outcome {
            FiringOutcome::Enqueue { queue, task, retry_after } => {
                if !enqueue(queue, task) {
                    self.put_back(member.clone(), now.saturating_add(*retry_after), payloads);
                    return FiringSettled::HeldBack;
                }
                self.unpark(member);
            }
            FiringOutcome::Return { after } => {
                self.put_back(member.clone(), after.map_or(due, |after| now.saturating_add(after)), payloads);
            }
            FiringOutcome::Quarantine { reason } => {
                self.quarantine.retain(|_, kept| kept.member != *member);
                let kept = Quarantine { member: member.clone(), due, payloads, reason: reason.clone(), since: now };
                self.quarantine.insert(self.quarantined_before, kept);
                self.quarantined_before += 1;
                if self.quarantine.len() > MAX_QUARANTINED {
                    self.quarantine.pop_first();
                }
                self.unpark(member);
            }
            _ => self.unpark(member),
        }
        FiringSettled::Settled
    }

    pub(crate) fn recover(&mut self, now: Timestamp) -> usize {
        let expired: Vec<_> = self.claims.iter().filter(|(_, claim)| claim.expires <= now).map(|(&id, _)| id).collect();
        let mut returned = 0;
        for id in expired {
            for (member, (due, payloads)) in self.claims.remove(&id).into_iter().flat_map(|claim| claim.firings) {
                self.active.retain(|other, active| *other != member || active.claim != id);
                self.put_back(member, due, payloads);
                returned += 1;
            }
        }
        returned
    }

    pub(crate) fn peek(&self, limit: usize) -> Vec<Firing> {
        let next = self.order.iter().take(limit).filter_map(|(due, member)| {
            let payloads = self.pending.get(member)?.payloads.to_vecs();
            Some(Firing { member: member.clone(), due: *due, payloads })
        });
        next.collect()
    }

    pub(crate) fn quarantined(&self, page: Page) -> Vec<Quarantined> {
        let latest_first = self.quarantine.values().rev().skip(page.offset).take(page.limit.min(MAX_BATCH));
        let listed = latest_first.map(|kept| Quarantined {
            firing: Firing { member: kept.member.clone(), due: kept.due, payloads: kept.payloads.to_vecs() },
            reason: kept.reason.clone(),
            since: kept.since,
        });
        listed.collect()
    }

    pub(crate) fn release(&mut self, member: &[u8], now: Timestamp) -> bool {
        match self.take_quarantined(member) {
            None => false,
            Some(kept) => {
                self.put_back(kept.member, now, kept.payloads);
                true
            }
        }
    }

    pub(crate) fn delete(&mut self, member: &[u8]) -> bool {
        self.take_quarantined(member).is_some()
    }

    fn take_quarantined(&mut self, member: &[u8]) -> Option<Quarantine> {
        let place = self.quarantine.iter().find(|(_, kept)| kept.member == member).map(|(&place, _)| place)?;
        self.quarantine.remove(&place)
    }

    pub(crate) fn stats(&self, now: Timestamp) -> DebounceStats {
        let overdue = self.pending.values().filter(|pending| pending.parked || pending.due <= now).count();
        DebounceStats::new(self.pending.len(), overdue, self.active.len(), self.quarantine.len())
    }

    pub(crate) fn clear(&mut self) -> usize {
        let count = self.pending.len();
        self.pending.clear();
        self.order.clear();
        self.quiet.clear();
        count
    }

    /// Makes a firing pending again; its payloads are older than what came meanwhile.
    fn put_back(&mut self, member: Member, mut due: Timestamp, mut payloads: Payloads) {
        let mut burst = None;
        if let Some(pending) = self.take(&member) {
            due = due.min(pending.due);
            payloads.merge(pending.payloads);
            burst = pending.burst;
        }
        self.put(member, Pending { due, payloads, burst, parked: false });
    }

    /// A member's run is over: what waited for that waits no longer.
    fn unpark(&mut self, member: &[u8]) {
        if let Some(mut pending) = self.take(member) {
            pending.parked = false;
            self.put(member.to_vec(), pending);
        }
    }

    fn put(&mut self, member: Member, pending: Pending) {
        if !pending.parked {
            self.order.insert((pending.due, member.clone()));
        }
        self.pending.insert(member, pending);
    }

    fn take(&mut self, member: &[u8]) -> Option<Pending> {
        let (member, pending) = self.pending.remove_entry(member)?;
        self.order.remove(&(pending.due, member));
        Some(pending)
    }
}

/// The due time that a burst allows.
fn bounded(due: Timestamp, repeat: Repeat, burst: Burst, now: Timestamp) -> Timestamp {
    let Repeat::Reset { max_wait, max_count } = repeat else { return due };
    let latest = max_wait.map_or(due, |wait: Duration| burst.began.saturating_add(wait));
    let is_full = max_count.is_some_and(|count| burst.count >= count);
    due.min(latest).min(if is_full { now } else { due })
}
