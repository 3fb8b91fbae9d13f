//! Where firings go: to a queue, back, into quarantine, or nowhere.

use std::time::Duration;

use super::{KEEP, LATER, NOW, Subject, members, payloads};
use crate::backend::{
    DebounceBackend as _, FiringOutcome, FiringSettled, FiringSettlement, NewTask, Page, TaskBackend as _, Trigger,
    UniqueLock,
};

const SOON: Duration = Duration::from_millis(100);

impl Subject {
    fn to_queue(&self, task: NewTask) -> FiringOutcome {
        FiringOutcome::Enqueue { queue: self.queue.clone(), task, retry_after: SOON }
    }
}

pub async fn a_firing_goes_to_a_queue_in_one_step_and_once(subject: &Subject) {
    for member in ["1", "2"] {
        subject.trigger(member, NOW).await;
    }
    let (claim, _) = subject.claim_due().await;
    let settlements = ["1", "2"]
        .map(|member| FiringSettlement { member: member.into(), outcome: subject.to_queue(NewTask::new(member)) });
    for answer in [FiringSettled::Settled, FiringSettled::Gone, FiringSettled::Gone] {
        let settled = subject.backend.settle_firings(&subject.debouncer(), claim, &settlements).await.unwrap();
        assert_eq!(settled, [answer, answer]);
    }
    assert_eq!(subject.firings().await, [0, 0, 0, 0]);
    assert_eq!(subject.drain_numbers().await, [1, 2]);
}

pub async fn a_firing_wakes_a_worker_of_its_queue(subject: &Subject) {
    let worker = subject.worker().await;
    subject.trigger("1", NOW).await;
    let (claim, _) = subject.claim_due().await;
    let waited = async {
        let begun = tokio::time::Instant::now();
        let tasks = worker.wait(1, Duration::from_secs(20)).await;
        (tasks.len(), begun.elapsed() < Duration::from_secs(10))
    };
    let settled = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        subject.settle_as(claim, &["1"], subject.to_queue(NewTask::new("1"))).await
    };
    assert_eq!(tokio::join!(waited, settled).0, (1, true));
}

pub async fn a_firing_waits_while_its_tasks_lock_is_held(subject: &Subject) {
    let lock = || UniqueLock { digest: "d".to_owned(), ttl: Duration::from_secs(600) };
    let earlier = NewTask::new("7").unique(lock());
    subject.backend.enqueue(&subject.queue, std::slice::from_ref(&earlier)).await.unwrap();
    subject.trigger_by(&KEEP, Trigger::new("a", NOW).payload("1")).await;
    let (claim, _) = subject.claim_due().await;
    let held = subject.settle_as(claim, &["a"], subject.to_queue(NewTask::new("1").unique(lock()))).await;
    assert_eq!(held, [FiringSettled::HeldBack]);
    assert_eq!(subject.firings().await, [1, 0, 0, 0]);

    let worker = subject.worker().await;
    let task = worker.claim_one().await;
    worker.settle([task.done().unlock("d", earlier.id)]).await;
    let (claim, firings) = subject.claim_next().await;
    assert_eq!(payloads(&firings[0]), ["1"]);
    let settled = subject.settle_as(claim, &["a"], subject.to_queue(NewTask::new("1").unique(lock()))).await;
    assert_eq!(settled, [FiringSettled::Settled]);
    assert_eq!(subject.drain_numbers().await, [1]);
}

pub async fn a_firing_can_be_put_off(subject: &Subject) {
    subject.trigger("a", NOW).await;
    let (claim, _) = subject.claim_due().await;
    subject.settle_as(claim, &["a"], FiringOutcome::Return { after: Some(Duration::from_secs(600)) }).await;
    assert!(subject.claim_due().await.1.is_empty());
    assert!(subject.due_of("a").await.unwrap() > subject.backend_time().await.saturating_add(Duration::from_secs(300)));
}

pub async fn a_quarantined_firing_is_kept_with_its_reason_and_the_rest_of_its_claim_goes_on(subject: &Subject) {
    for member in ["a", "b", "c"] {
        subject.trigger_by(&KEEP, Trigger::new(member, NOW).payload(member)).await;
    }
    let (claim, firings) = subject.claim_due().await;
    let quarantine = FiringOutcome::Quarantine { reason: "no\nJSON".to_owned() };
    let settlements = [("a", FiringOutcome::Done), ("b", quarantine), ("c", FiringOutcome::Done)]
        .map(|(member, outcome)| FiringSettlement { member: member.into(), outcome });
    subject.backend.settle_firings(&subject.debouncer(), claim, &settlements).await.unwrap();
    assert_eq!(subject.firings().await, [0, 0, 0, 1]);

    let listed = subject.backend.quarantined(&subject.debouncer(), Page::default()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].firing, firings[1]);
    assert!(listed[0].reason.contains("JSON") && listed[0].since <= subject.backend_time().await);
}

pub async fn quarantined_firings_are_listed_released_and_deleted(subject: &Subject) {
    for member in ["a", "b", "c"] {
        subject.trigger_by(&KEEP, Trigger::new(member, NOW).payload(member)).await;
        let (claim, _) = subject.claim_due().await;
        subject.settle_as(claim, &[member], FiringOutcome::Quarantine { reason: member.to_owned() }).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let page = Page { offset: 1, limit: 5 };
    let listed = subject.backend.quarantined(&subject.debouncer(), page).await.unwrap();
    assert_eq!(listed.iter().map(|kept| kept.reason.as_str()).collect::<Vec<_>>(), ["b", "a"]);

    // One of them has been triggered again since: they become one.
    subject.trigger_by(&KEEP, Trigger::new("a", LATER).payload("2")).await;
    let chosen = [b"a".to_vec(), b"unknown".to_vec()];
    assert_eq!(subject.backend.release_quarantined(&subject.debouncer(), &chosen).await.unwrap(), 1);
    let (_, firings) = subject.claim_due().await;
    assert_eq!((members(&firings), payloads(&firings[0])), (vec!["a"], vec!["a"]));
    let chosen = [b"b".to_vec(), b"unknown".to_vec()];
    assert_eq!(subject.backend.delete_quarantined(&subject.debouncer(), &chosen).await.unwrap(), 1);
    assert_eq!(subject.firings().await, [0, 0, 1, 1]);
    assert_eq!(subject.backend.release_quarantined(&subject.debouncer(), &[]).await.unwrap(), 0);
    assert_eq!(subject.backend.delete_quarantined(&subject.debouncer(), &[]).await.unwrap(), 0);
}

pub async fn settling_what_a_claim_does_not_hold_changes_nothing(subject: &Subject) {
    subject.trigger("a", NOW).await;
    subject.trigger("b", LATER).await;
    let (claim, _) = subject.claim_due().await;
    for outcome in [
        FiringOutcome::Done,
        FiringOutcome::Return { after: None },
        FiringOutcome::Quarantine { reason: String::new() },
        subject.to_queue(NewTask::new("1")),
    ] {
        let answers = subject.settle_as(crate::backend::ClaimId::random(), &["a", "b"], outcome.clone()).await;
        assert_eq!(answers, [FiringSettled::Gone; 2]);
        assert_eq!(subject.settle_as(claim, &["b", "unknown"], outcome).await, [FiringSettled::Gone; 2]);
    }
    assert_eq!(subject.settle_as(claim, &[], FiringOutcome::Done).await, []);
    assert_eq!((subject.firings().await, subject.stats().await.ready), ([1, 0, 1, 0], 0));
    // A member that is named twice is settled once.
    let twice = subject.settle_as(claim, &["a", "a"], FiringOutcome::Done).await;
    assert_eq!(twice, [FiringSettled::Settled, FiringSettled::Gone]);
}
