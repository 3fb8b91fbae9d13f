//! What a further trigger does: each policy, row by row.

use std::time::Duration;

use super::{KEEP, LATER, NOW, Subject, members, millis, payloads};
use crate::backend::{DebounceBackend as _, Due, FiringOutcome, PayloadRule, Repeat, Trigger, TriggerRules, Triggered};

const LAST: TriggerRules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::Last };
const TRAILING: TriggerRules =
    TriggerRules { repeat: Repeat::Reset { max_wait: None, max_count: None }, payloads: PayloadRule::Last };

fn accumulate(max_count: usize) -> TriggerRules {
    TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::Accumulate { max_count, max_bytes: 1_000 } }
}

fn with_payload(payload: &str, due: Due) -> Trigger {
    Trigger::new("a", due).payload(payload)
}

pub async fn the_first_deadline_stands(subject: &Subject) {
    let first = subject.trigger("a", LATER).await;
    assert!(first.is_new());
    for due in [NOW, LATER, millis(5)] {
        assert_eq!(subject.trigger("a", due).await, Triggered::Joined { due: first.due().unwrap() });
    }
    assert_eq!(subject.due_of("a").await, first.due());
    assert_eq!(subject.firings().await, [1, 0, 0, 0]);
}

pub async fn a_firing_that_left_can_be_triggered_again(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (claim, firings) = subject.claim_due().await;
    assert_eq!(members(&firings), ["a"]);
    subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
    assert!(subject.trigger("a", NOW).await.is_new());
}

pub async fn a_trailing_trigger_resets_the_timer(subject: &Subject) {
    let first = subject.trigger_by(&TRAILING, Trigger::new("a", millis(60_000))).await.due().unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let moved = subject.trigger_by(&TRAILING, Trigger::new("a", millis(60_000))).await;
    assert!(matches!(moved, Triggered::Moved { due } if due > first), "{moved:?}");
    assert_eq!(subject.due_of("a").await, moved.due());
    let earlier = subject.trigger_by(&TRAILING, Trigger::new("a", NOW)).await;
    assert!(earlier.due().unwrap() < first);
    assert_eq!(members(&subject.claim_due().await.1), ["a"]);
}

pub async fn a_trailing_firing_waits_no_longer_than_its_longest_wait(subject: &Subject) {
    let repeat = Repeat::Reset { max_wait: Some(Duration::from_secs(90)), max_count: None };
    let rules = TriggerRules { repeat, ..TRAILING };
    let first = subject.trigger_by(&rules, Trigger::new("a", millis(60_000))).await.due().unwrap();
    let latest = first.saturating_add(Duration::from_secs(30));
    for _ in 0..3 {
        let due = subject.trigger_by(&rules, Trigger::new("a", LATER)).await.due().unwrap();
        assert!(due.as_millis().abs_diff(latest.as_millis()) <= 1, "{due} is not {latest}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The next burst has a wait of its own.
    subject.backend.cancel_firings(&subject.debouncer(), &[b"a".to_vec()]).await.unwrap();
    let next = subject.trigger_by(&rules, Trigger::new("a", LATER)).await.due().unwrap();
    assert!(next > latest);
}

pub async fn a_trailing_firing_is_due_at_once_with_its_last_trigger(subject: &Subject) {
    let repeat = Repeat::Reset { max_wait: None, max_count: Some(3) };
    let rules = TriggerRules { repeat, ..TRAILING };
    for _ in 0..2 {
        subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
        assert!(subject.claim_due().await.1.is_empty());
    }
    subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
    let (claim, firings) = subject.claim_due().await;
    assert_eq!(members(&firings), ["a"]);
    subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
    // The count begins anew.
    subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
    assert!(subject.claim_due().await.1.is_empty());
    let at_once = Repeat::Reset { max_wait: None, max_count: Some(1) };
    subject.trigger_by(&TriggerRules { repeat: at_once, ..TRAILING }, Trigger::new("b", LATER)).await;
    assert_eq!(members(&subject.claim_due().await.1), ["b"]);
}

pub async fn a_throttled_member_fires_at_once_and_then_is_quiet(subject: &Subject) {
    let quiet = Duration::from_millis(400);
    let rules = TriggerRules { repeat: Repeat::Throttle { quiet }, payloads: PayloadRule::First };
    let fired = subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
    assert!(fired.is_new() && fired.due().unwrap() <= subject.backend_time().await);
    // Not fired yet: it is the same firing.
    assert!(matches!(subject.trigger_by(&rules, Trigger::new("a", LATER)).await, Triggered::Joined { .. }));
    let (claim, firings) = subject.claim_due().await;
    assert_eq!(members(&firings), ["a"]);
    subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
    let until = fired.due().unwrap().saturating_add(quiet);
    loop {
        let answer = subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
        let now = subject.backend_time().await;
        if answer.is_new() {
            assert!(now >= until, "{now} is before {until}");
            break;
        }
        let Triggered::Throttled { until: told } = answer else { panic!("{answer:?}") };
        assert!(told.as_millis().abs_diff(until.as_millis()) <= 1, "{told} is not {until}");
        assert!(subject.claim_due().await.1.is_empty());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(subject.trigger_by(&rules, Trigger::new("b", LATER)).await.is_new());
}

pub async fn a_throttled_firing_that_is_cancelled_leaves_no_quiet_time(subject: &Subject) {
    let rules =
        TriggerRules { repeat: Repeat::Throttle { quiet: Duration::from_secs(60) }, payloads: PayloadRule::First };
    subject.trigger_by(&rules, Trigger::new("a", NOW)).await;
    assert_eq!(subject.backend.cancel_firings(&subject.debouncer(), &[b"a".to_vec()]).await.unwrap(), [true]);
    assert!(subject.trigger_by(&rules, Trigger::new("a", NOW)).await.is_new());
}

pub async fn the_first_payload_stands_or_the_last_or_all_do(subject: &Subject) {
    for (rules, expected) in
        [(KEEP, vec!["1"]), (LAST, vec!["3"]), (TRAILING, vec!["3"]), (accumulate(10), vec!["1", "2", "3"])]
    {
        for payload in ["1", "2"] {
            subject.trigger_by(&rules, with_payload(payload, LATER)).await;
        }
        // A trigger without a payload leaves them alone.
        subject.trigger_by(&rules, Trigger::new("a", LATER)).await;
        subject.trigger_by(&rules, with_payload("3", LATER)).await;
        let peeked = subject.backend.peek_firings(&subject.debouncer(), 10).await.unwrap();
        assert_eq!(payloads(&peeked[0]), expected, "{rules:?}");
        assert_eq!(subject.backend.clear_firings(&subject.debouncer()).await.unwrap(), 1);
    }
}

pub async fn an_accumulated_firing_is_due_at_once_when_it_is_full_and_then_takes_no_more(subject: &Subject) {
    let rules = accumulate(3);
    for payload in ["1", "2"] {
        subject.trigger_by(&rules, with_payload(payload, LATER)).await;
        assert!(subject.claim_due().await.1.is_empty());
    }
    let third = subject.trigger_by(&rules, with_payload("3", LATER)).await;
    assert!(third.due().unwrap() <= subject.backend_time().await);
    let fourth = subject.trigger_by(&rules, with_payload("4", LATER)).await;
    assert_eq!(fourth, Triggered::Full { due: third.due().unwrap() });
    let (claim, firings) = subject.claim_due().await;
    assert_eq!(payloads(&firings[0]), ["1", "2", "3"]);
    // While it runs there is room for as many again.
    assert!(subject.trigger_by(&rules, with_payload("4", LATER)).await.is_new());
    subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
    assert_eq!(subject.firings().await, [1, 0, 0, 0]);
}

pub async fn an_accumulated_firing_takes_no_more_bytes_than_it_may(subject: &Subject) {
    let rules = accumulate(100);
    let long = "x".repeat(600);
    subject.trigger_by(&rules, with_payload(&long, LATER)).await;
    assert!(matches!(subject.trigger_by(&rules, with_payload(&long, LATER)).await, Triggered::Full { .. }));
    let (_, firings) = subject.claim_due().await;
    assert_eq!(payloads(&firings[0]), [long]);
}

pub async fn a_trigger_repeated_after_a_lost_reply_adds_its_payload_once(subject: &Subject) {
    let rules = accumulate(10);
    let trigger = with_payload("1", LATER);
    for _ in 0..3 {
        subject.trigger_by(&rules, trigger.clone()).await;
    }
    subject.trigger_by(&rules, with_payload("1", LATER)).await;
    let peeked = subject.backend.peek_firings(&subject.debouncer(), 10).await.unwrap();
    assert_eq!(payloads(&peeked[0]), ["1", "1"]);
}

pub async fn a_replacement_takes_the_place_of_what_is_pending(subject: &Subject) {
    let replace = TriggerRules { repeat: Repeat::Replace, payloads: PayloadRule::First };
    let first = subject.trigger_by(&KEEP, with_payload("1", millis(60_000))).await.due().unwrap();
    let later = subject.trigger_by(&replace, with_payload("2", LATER)).await;
    assert!(matches!(later, Triggered::Moved { due } if due > first), "{later:?}");
    let peeked = subject.backend.peek_firings(&subject.debouncer(), 10).await.unwrap();
    assert_eq!((peeked.len(), payloads(&peeked[0])), (1, vec!["2"]));
    subject.trigger_by(&replace, Trigger::new("a", NOW)).await;
    let (_, firings) = subject.claim_due().await;
    assert_eq!((members(&firings), payloads(&firings[0])), (vec!["a"], vec![]));
    assert!(subject.trigger_by(&replace, Trigger::new("b", NOW)).await.is_new());
}

pub async fn one_call_triggers_many_members_and_one_of_them_twice(subject: &Subject) {
    let triggers: Vec<_> = ["a", "b", "a"].map(|member| Trigger::new(member, LATER)).into();
    let answers = subject.backend.trigger(&subject.debouncer(), &triggers, &KEEP).await.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.is_new()).collect::<Vec<_>>(), [true, true, false]);
    assert!(subject.backend.trigger(&subject.debouncer(), &[], &KEEP).await.unwrap().is_empty());
}
