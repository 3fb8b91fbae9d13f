//! Debouncing: what is pending, what triggers do to it, and how it leaves.

mod claiming;
mod leaving;
mod looking;
mod policies;

use std::time::Duration;

pub use claiming::*;
pub use leaving::*;
pub use looking::*;
pub use policies::*;

use super::{
    Subject,
    subject::{LONG, SHORT},
};
use crate::{
    Timestamp,
    backend::{
        ClaimId, ClaimedFirings, DebounceBackend as _, DebounceKey, DebounceStats, Due, Firing, FiringClaim,
        FiringOutcome, FiringSettled, FiringSettlement, MAX_BATCH, PayloadRule, Repeat, Trigger, TriggerRules,
        Triggered,
    },
};

/// Due at once.
const NOW: Due = Due::In(Duration::ZERO);
/// Not due while a case runs.
const LATER: Due = Due::In(LONG);

/// The rules of the Python package: the first deadline stands.
const KEEP: TriggerRules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };

impl Subject {
    fn debouncer(&self) -> DebounceKey {
        DebounceKey::of_queue(&self.queue)
    }

    async fn trigger(&self, member: &str, due: Due) -> Triggered {
        self.trigger_by(&KEEP, Trigger::new(member, due)).await
    }

    async fn trigger_by(&self, rules: &TriggerRules, trigger: Trigger) -> Triggered {
        let answers = self.backend.trigger(&self.debouncer(), &[trigger], rules).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers[0]
    }

    /// Claims what is due under a lease that outlives the case.
    async fn claim_due(&self) -> (ClaimId, Vec<Firing>) {
        let claim = due_claim();
        (claim.id, self.claim_by(&claim).await.firings)
    }

    async fn claim_by(&self, claim: &FiringClaim) -> ClaimedFirings {
        self.backend.claim_firings(&self.debouncer(), claim).await.unwrap()
    }

    /// Claims under a lease that expires soon.
    async fn doomed_claim(&self) -> (ClaimId, Vec<Firing>) {
        let claim = FiringClaim { lease: SHORT, ..due_claim() };
        (claim.id, self.claim_by(&claim).await.firings)
    }

    async fn settle_as(&self, claim: ClaimId, members: &[&str], outcome: FiringOutcome) -> Vec<FiringSettled> {
        let settlement = |member: &&str| FiringSettlement { member: (*member).into(), outcome: outcome.clone() };
        let settlements: Vec<_> = members.iter().map(settlement).collect();
        self.backend.settle_firings(&self.debouncer(), claim, &settlements).await.unwrap()
    }

    async fn due_of(&self, member: &str) -> Option<Timestamp> {
        self.backend.due_times(&self.debouncer(), &[member.into()]).await.unwrap()[0]
    }

    /// How many are pending, overdue, active and quarantined.
    async fn firings(&self) -> [usize; 4] {
        let stats = self.backend.inspect_debounce(&self.debouncer()).await.unwrap();
        let DebounceStats { pending, overdue, active, quarantined } = stats;
        [pending, overdue, active, quarantined]
    }

    async fn backend_time(&self) -> Timestamp {
        self.backend.time().await.unwrap()
    }

    /// Waits until something is due, and claims it.
    async fn claim_next(&self) -> (ClaimId, Vec<Firing>) {
        loop {
            let (id, firings) = self.claim_due().await;
            if !firings.is_empty() {
                return (id, firings);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn due_claim() -> FiringClaim {
    FiringClaim { id: ClaimId::random(), max: MAX_BATCH, lease: LONG, early: false }
}

fn members(firings: &[Firing]) -> Vec<&str> {
    firings.iter().map(|firing| std::str::from_utf8(&firing.member).unwrap()).collect()
}

fn payloads(firing: &Firing) -> Vec<&str> {
    firing.payloads.iter().map(|payload| std::str::from_utf8(payload).unwrap()).collect()
}

fn millis(duration: u64) -> Due {
    Due::In(Duration::from_millis(duration))
}
