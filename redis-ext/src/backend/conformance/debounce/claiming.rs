//! Firings on their way out: claimed in order, by one claimant each, and returned when that one dies.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;

use super::{KEEP, LATER, NOW, SHORT, Subject, due_claim, members, millis, payloads};
use crate::{
    Timestamp,
    backend::{
        ClaimId, DebounceBackend as _, Due, FiringClaim, FiringOutcome, FiringSettled, MAX_BATCH, PayloadRule,
        RecoveredFirings, Repeat, Trigger, TriggerRules,
    },
};

pub async fn a_firing_waits_for_its_time_and_the_claim_tells_for_how_long(subject: &Subject) {
    let due = subject.trigger("a", millis(400)).await.due().unwrap();
    let claimed = subject.claim_by(&due_claim()).await;
    if claimed.firings.is_empty() {
        let told = claimed.at.saturating_add(claimed.next_due.unwrap());
        assert!(told.as_millis().abs_diff(due.as_millis()) <= 2, "{told} is not {due}");
        let (_, firings) = subject.claim_next().await;
        assert_eq!((members(&firings), firings[0].due), (vec!["a"], due));
    }
    assert!(subject.backend_time().await >= due);
    let nothing = subject.claim_by(&due_claim()).await;
    assert_eq!((nothing.firings.len(), nothing.next_due), (0, None));
}

pub async fn firings_are_claimed_in_the_order_of_their_times(subject: &Subject) {
    let now = subject.backend_time().await.as_millis();
    for (member, ago) in [("c", 10), ("a", 1_000), ("b", 500), ("d", 10)] {
        subject.trigger(member, Due::At(Timestamp::from_millis(now - ago))).await;
    }
    subject.trigger("e", LATER).await;
    let first = FiringClaim { max: 3, ..due_claim() };
    let claimed = subject.claim_by(&first).await;
    assert_eq!((members(&claimed.firings), claimed.next_due), (vec!["a", "b", "c"], Some(Duration::ZERO)));
    let (_, rest) = subject.claim_due().await;
    assert_eq!(members(&rest), ["d"]);
    assert_eq!(subject.firings().await, [1, 0, 4, 0]);
}

pub async fn a_claim_may_take_what_is_not_due_yet(subject: &Subject) {
    subject.trigger("b", LATER).await;
    subject.trigger("a", NOW).await;
    let claimed = subject.claim_by(&FiringClaim { early: true, ..due_claim() }).await;
    assert_eq!(members(&claimed.firings), ["a", "b"]);
}

pub async fn a_time_before_the_epoch_or_at_it_is_due_at_once(subject: &Subject) {
    subject.trigger("a", Due::At(Timestamp::from_millis(0))).await;
    assert_eq!(subject.claim_due().await.1[0].due, Timestamp::from_millis(0));
}

pub async fn a_repeated_claim_of_firings_gives_the_same(subject: &Subject) {
    for member in ["a", "b", "c"] {
        subject.trigger_by(&KEEP, Trigger::new(member, NOW).payload(member)).await;
    }
    let claim = FiringClaim { max: 2, ..due_claim() };
    let first = subject.claim_by(&claim).await.firings;
    assert_eq!(subject.claim_by(&claim).await.firings, first);
    subject.settle_as(claim.id, &["a"], FiringOutcome::Done).await;
    assert_eq!(subject.claim_by(&claim).await.firings, first[1..]);
    assert_eq!(subject.firings().await, [1, 1, 1, 0]);
}

pub async fn members_and_payloads_keep_every_byte(subject: &Subject) {
    let odd = crate::backend::conformance::subject::odd_entries();
    for (at, entry) in (0..).zip(&odd) {
        let trigger = Trigger::new(entry.clone(), Due::At(Timestamp::from_millis(at))).payload(entry.clone());
        subject.trigger_by(&KEEP, trigger).await;
    }
    let (_, firings) = subject.claim_due().await;
    assert_eq!(firings.iter().map(|firing| firing.member.clone()).collect::<Vec<_>>(), odd);
    assert!(firings.iter().all(|firing| firing.payloads == [firing.member.clone()]));
}

pub async fn an_item_over_the_limit_is_refused_and_nothing_is_pending(subject: &Subject) {
    let large = Trigger::new("b", NOW).payload(vec![b'x'; crate::backend::DEFAULT_MAX_ENTRY_BYTES + 1]);
    let triggers = [Trigger::new("a", NOW), large];
    let error = subject.backend.trigger(&subject.debouncer(), &triggers, &KEEP).await.unwrap_err();
    assert_eq!(error.kind(), crate::BackendErrorKind::TooLarge);
    assert_eq!(subject.firings().await, [0, 0, 0, 0]);
}

pub async fn triggers_during_a_run_give_exactly_one_more(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (first, firings) = subject.claim_due().await;
    assert_eq!(members(&firings), ["a"]);
    assert!(subject.trigger("a", NOW).await.is_new());
    assert!(!subject.trigger("a", NOW).await.is_new());
    // It is due, and waits for the end of the run: others do not wait for it.
    subject.trigger("b", NOW).await;
    let (second, firings) = subject.claim_next().await;
    assert_eq!(members(&firings), ["b"]);
    assert!(subject.claim_due().await.1.is_empty());
    assert!(subject.due_of("a").await.is_some());
    assert_eq!(subject.firings().await, [1, 1, 2, 0]);
    assert!(!subject.trigger("a", LATER).await.is_new());

    subject.settle_as(first, &["a"], FiringOutcome::Done).await;
    let (third, firings) = subject.claim_due().await;
    assert_eq!(members(&firings), ["a"]);
    subject.settle_as(second, &["b"], FiringOutcome::Done).await;
    subject.settle_as(third, &["a"], FiringOutcome::Done).await;
    assert_eq!(subject.firings().await, [0, 0, 0, 0]);
}

pub async fn a_firing_that_waits_for_a_run_can_be_moved_and_cancelled(subject: &Subject) {
    for member in ["a", "b"] {
        subject.trigger(member, NOW).await;
    }
    let (claim, _) = subject.claim_due().await;
    for member in ["a", "b"] {
        subject.trigger(member, NOW).await;
    }
    assert!(subject.claim_due().await.1.is_empty());
    let reset = TriggerRules { repeat: Repeat::Reset { max_wait: None, max_count: None }, payloads: PayloadRule::Last };
    subject.trigger_by(&reset, Trigger::new("a", LATER)).await;
    assert_eq!(subject.backend.cancel_firings(&subject.debouncer(), &[b"b".to_vec()]).await.unwrap(), [true]);
    subject.settle_as(claim, &["a", "b"], FiringOutcome::Done).await;
    assert!(subject.claim_due().await.1.is_empty());
    assert_eq!(subject.firings().await, [1, 0, 0, 0]);
}

pub async fn firings_of_an_expired_claim_are_pending_again_as_they_were(subject: &Subject) {
    let first = subject.trigger_by(&KEEP, Trigger::new("a", NOW).payload("1")).await;
    subject.trigger("b", NOW).await;
    let (claim, firings) = subject.doomed_claim().await;
    assert_eq!(firings.len(), 2);
    tokio::time::sleep(SHORT * 2).await;
    assert!(subject.claim_by(&due_claim()).await.any_expired);
    let recovered = subject.backend.recover_firings(&subject.debouncer()).await.unwrap();
    assert_eq!(recovered, RecoveredFirings { returned: 2, more: false });
    assert_eq!(subject.backend.recover_firings(&subject.debouncer()).await.unwrap(), RecoveredFirings::default());
    // Whoever had claimed them has them no longer.
    assert_eq!(subject.settle_as(claim, &["a"], FiringOutcome::Done).await, [FiringSettled::Gone]);
    assert_eq!(subject.backend.renew_firings(&subject.debouncer(), &[claim], SHORT).await.unwrap(), [false]);
    let again = subject.claim_by(&due_claim()).await;
    assert!(!again.any_expired);
    assert_eq!(members(&again.firings), ["a", "b"]);
    assert_eq!((again.firings[0].due, payloads(&again.firings[0])), (first.due().unwrap(), vec!["1"]));
}

pub async fn a_renewed_claim_keeps_its_firings(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (claim, _) = subject.doomed_claim().await;
    let stranger = ClaimId::random();
    let renewed = subject.backend.renew_firings(&subject.debouncer(), &[stranger, claim], SHORT * 100).await.unwrap();
    assert_eq!(renewed, [false, true]);
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(subject.backend.recover_firings(&subject.debouncer()).await.unwrap(), RecoveredFirings::default());
    assert_eq!(subject.settle_as(claim, &["a"], FiringOutcome::Done).await, [FiringSettled::Settled]);
}

pub async fn an_expired_claim_that_nobody_recovered_can_still_settle(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (claim, _) = subject.doomed_claim().await;
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(subject.settle_as(claim, &["a"], FiringOutcome::Done).await, [FiringSettled::Settled]);
    assert_eq!(subject.backend.recover_firings(&subject.debouncer()).await.unwrap(), RecoveredFirings::default());
}

pub async fn a_returned_firing_becomes_one_with_what_was_triggered_meanwhile(subject: &Subject) {
    let accumulate =
        TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::Accumulate { max_count: 10, max_bytes: 1_000 } };
    let last = TriggerRules { payloads: PayloadRule::Last, ..KEEP };
    for (rules, expected) in [(KEEP, vec!["1"]), (last, vec!["2"]), (accumulate, vec!["1", "2"])] {
        let first = subject.trigger_by(&rules, Trigger::new("a", NOW).payload("1")).await;
        let (claim, _) = subject.claim_due().await;
        subject.trigger_by(&rules, Trigger::new("a", LATER).payload("2")).await;
        subject.settle_as(claim, &["a"], FiringOutcome::Return { after: None }).await;
        assert_eq!(subject.due_of("a").await, first.due());
        let (claim, firings) = subject.claim_due().await;
        assert_eq!(payloads(&firings[0]), expected, "{rules:?}");
        subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
        assert_eq!(subject.firings().await, [0, 0, 0, 0]);
    }
}

pub async fn thousands_of_firings_are_claimed_in_bounded_steps_each_by_one_claimant(subject: &Subject) {
    const COUNT: usize = 2_000;
    let triggers: Vec<_> = (0..COUNT).map(|number| Trigger::new(number.to_string(), NOW)).collect();
    for slice in triggers.chunks(MAX_BATCH) {
        subject.backend.trigger(&subject.debouncer(), slice, &KEEP).await.unwrap();
    }
    let claimant = || async {
        let mut all = Vec::new();
        loop {
            let claim = FiringClaim { max: usize::MAX, ..due_claim() };
            let firings = subject.claim_by(&claim).await.firings;
            assert!(firings.len() <= MAX_BATCH);
            if firings.is_empty() {
                return all;
            }
            let settled = subject.settle_as(claim.id, &members(&firings), FiringOutcome::Done).await;
            assert!(settled.iter().all(|settled| *settled == FiringSettled::Settled));
            all.extend(firings.into_iter().map(|firing| firing.member));
        }
    };
    let all: Vec<_> = join_all((0..4).map(|_| claimant())).await.into_iter().flatten().collect();
    assert_eq!(all.len(), COUNT);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), COUNT);
}
