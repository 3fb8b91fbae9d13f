//! What can be asked of a debouncer, what is forgotten on wish, and who is told of it.

use std::time::Duration;

use super::{KEEP, LATER, NOW, Subject, members, millis, payloads};
use crate::backend::{DebounceBackend as _, FiringOutcome, MAX_BATCH, Trigger, Wakes};

pub async fn an_unknown_debouncer_is_an_empty_one(subject: &Subject) {
    assert_eq!(subject.firings().await, [0, 0, 0, 0]);
    assert_eq!(subject.due_of("a").await, None);
    assert_eq!(subject.backend.cancel_firings(&subject.debouncer(), &[b"a".to_vec()]).await.unwrap(), [false]);
    assert_eq!(subject.backend.clear_firings(&subject.debouncer()).await.unwrap(), 0);
    assert!(subject.backend.peek_firings(&subject.debouncer(), 10).await.unwrap().is_empty());
    assert!(subject.claim_due().await.1.is_empty());
}

pub async fn a_cancelled_firing_is_forgotten_and_an_active_one_goes_on(subject: &Subject) {
    subject.trigger("active", NOW).await;
    let (claim, _) = subject.claim_due().await;
    subject.trigger_by(&KEEP, Trigger::new("a", NOW).payload("1")).await;
    subject.trigger("b", LATER).await;
    let chosen = ["a", "active", "unknown", "b"].map(|member| member.as_bytes().to_vec());
    let cancelled = subject.backend.cancel_firings(&subject.debouncer(), &chosen).await.unwrap();
    assert_eq!(cancelled, [true, false, false, true]);
    assert!(subject.backend.cancel_firings(&subject.debouncer(), &[]).await.unwrap().is_empty());
    assert_eq!(subject.firings().await, [0, 0, 1, 0]);
    // Its payload went with it.
    subject.trigger("a", NOW).await;
    let peeked = subject.backend.peek_firings(&subject.debouncer(), 1).await.unwrap();
    assert!(payloads(&peeked[0]).is_empty());
    assert_eq!(subject.settle_as(claim, &["active"], FiringOutcome::Done).await.len(), 1);
}

pub async fn clearing_forgets_what_is_pending_and_nothing_else(subject: &Subject) {
    subject.trigger("bad", NOW).await;
    let (claim, _) = subject.claim_due().await;
    subject.settle_as(claim, &["bad"], FiringOutcome::Quarantine { reason: "bad".to_owned() }).await;
    subject.trigger("active", NOW).await;
    subject.claim_due().await;
    subject.trigger("active", NOW).await;
    // It waits for the run.
    assert!(subject.claim_due().await.1.is_empty());
    subject.trigger("a", LATER).await;
    assert_eq!(subject.backend.clear_firings(&subject.debouncer()).await.unwrap(), 2);
    assert_eq!(subject.firings().await, [0, 0, 1, 1]);
}

pub async fn a_peek_lists_the_next_firings_and_takes_none(subject: &Subject) {
    subject.trigger("later", LATER).await;
    subject.trigger_by(&KEEP, Trigger::new("soon", millis(60_000)).payload("1")).await;
    let peeked = subject.backend.peek_firings(&subject.debouncer(), 1).await.unwrap();
    assert_eq!((members(&peeked), payloads(&peeked[0])), (vec!["soon"], vec!["1"]));
    assert_eq!(Some(peeked[0].due), subject.due_of("soon").await);
    let all = subject.backend.peek_firings(&subject.debouncer(), usize::MAX).await.unwrap();
    assert_eq!(members(&all), ["soon", "later"]);
    assert!(subject.backend.peek_firings(&subject.debouncer(), 0).await.unwrap().is_empty());
    assert_eq!(subject.firings().await, [2, 0, 0, 0]);
}

pub async fn due_times_are_told_in_the_order_of_the_question(subject: &Subject) {
    let due = subject.trigger("a", LATER).await.due();
    let chosen: Vec<_> = (0..MAX_BATCH - 1).map(|n| n.to_string().into_bytes()).chain([b"a".to_vec()]).collect();
    let dues = subject.backend.due_times(&subject.debouncer(), &chosen).await.unwrap();
    assert_eq!(dues.len(), MAX_BATCH);
    assert!(dues[..MAX_BATCH - 1].iter().all(Option::is_none));
    assert_eq!(dues[MAX_BATCH - 1], due);
    assert!(subject.backend.due_times(&subject.debouncer(), &[]).await.unwrap().is_empty());
}

pub async fn debouncers_do_not_see_each_other(subject: &Subject) {
    let other = subject.other_queue("other");
    subject.trigger("a", NOW).await;
    assert_eq!(other.firings().await, [0, 0, 0, 0]);
    assert!(other.claim_due().await.1.is_empty());
    assert!(other.trigger("a", LATER).await.is_new());
}

async fn is_woken(wakes: &mut Wakes) -> bool {
    tokio::time::timeout(Duration::from_secs(10), wakes.next()).await.is_ok()
}

pub async fn whoever_watches_is_woken_when_something_is_due_before_all_else(subject: &Subject) {
    let mut wakes = subject.backend.watch_firings(&subject.debouncer()).await.unwrap();
    subject.trigger("a", LATER).await;
    assert!(is_woken(&mut wakes).await);
    subject.trigger("b", millis(60_000)).await;
    assert!(is_woken(&mut wakes).await);
    let (mut one, mut other) = (
        subject.backend.watch_firings(&subject.debouncer()).await.unwrap(),
        subject.backend.watch_firings(&subject.debouncer()).await.unwrap(),
    );
    subject.trigger("c", NOW).await;
    assert!(is_woken(&mut one).await && is_woken(&mut other).await);
}

pub async fn whoever_watches_is_woken_when_a_run_ends_that_another_waits_for(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (claim, _) = subject.claim_due().await;
    subject.trigger("a", NOW).await;
    assert!(subject.claim_due().await.1.is_empty());
    let mut wakes = subject.backend.watch_firings(&subject.debouncer()).await.unwrap();
    subject.settle_as(claim, &["a"], FiringOutcome::Done).await;
    assert!(is_woken(&mut wakes).await);
}

pub async fn the_backends_time_goes_on(subject: &Subject) {
    let before = subject.backend_time().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(subject.backend_time().await > before);
}
