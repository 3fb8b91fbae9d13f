//! Claims: how many, by whom, and again.

use std::time::Duration;

use super::{Subject, numbers, subject::LONG};
use crate::{
    BackendErrorKind,
    backend::{Claimed, MAX_BATCH},
};

pub async fn a_claim_gives_no_more_than_was_asked_for(subject: &Subject) {
    subject.push(0..5).await;
    let worker = subject.worker().await;
    assert_eq!(numbers(&worker.claim(3).await), [0, 1, 2]);
    assert_eq!(numbers(&worker.claim(3).await), [3, 4]);
    assert_eq!(subject.counts().await, [0, 5, 0, 0]);
}

pub async fn a_claim_never_gives_more_than_a_full_batch(subject: &Subject) {
    subject.push(0..MAX_BATCH as u64 + 3).await;
    let worker = subject.worker().await;
    assert_eq!(worker.claim(100_000).await.len(), MAX_BATCH);
    assert_eq!(worker.claim(usize::MAX).await.len(), 3);
}

pub async fn an_empty_queue_gives_nothing(subject: &Subject) {
    let worker = subject.worker().await;
    assert!(worker.claim(5).await.is_empty());
    subject.push([1]).await;
    assert_eq!(numbers(&worker.claim(5).await), [1]);
}

pub async fn a_repeated_claim_gives_the_same_tasks(subject: &Subject) {
    subject.push(0..5).await;
    let worker = subject.worker().await;
    let claim = worker.next(3);
    let lost_reply = worker.try_claim(claim).await.unwrap();
    let tasks = worker.try_claim(claim).await.unwrap().tasks;
    assert_eq!((numbers(&lost_reply.tasks), numbers(&tasks)), (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(subject.counts().await, [2, 3, 0, 0]);
    worker.settle(tasks.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.counts().await, [2, 0, 0, 0]);
}

pub async fn a_late_copy_of_an_earlier_claim_takes_nothing(subject: &Subject) {
    subject.push(0..4).await;
    let worker = subject.worker().await;
    let (early, empty, late) = (worker.next(1), worker.next(1), worker.next(1));
    let [zero] = worker.try_claim(early).await.unwrap().tasks.try_into().unwrap();
    worker.settle([zero.done()]).await;
    assert!(worker.try_claim(early).await.unwrap().tasks.is_empty(), "it was settled");
    assert_eq!(numbers(&worker.try_claim(late).await.unwrap().tasks), [1]);
    assert!(worker.try_claim(empty).await.unwrap().tasks.is_empty(), "a later one has been answered");
    assert_eq!(numbers(&worker.claim(5).await), [2, 3]);
}

pub async fn a_claim_needs_a_lease(subject: &Subject) {
    subject.push([1]).await;
    let stranger = subject.stranger();
    let refused = stranger.try_claim(stranger.next(1)).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::LeaseLost);
    assert!(!refused.is_maybe_applied());
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
}

pub async fn joining_again_keeps_what_was_claimed(subject: &Subject) {
    subject.push([1, 2]).await;
    let worker = subject.doomed_worker().await;
    let task = worker.claim_one().await;
    worker.join(LONG).await.unwrap();
    assert_eq!(subject.expire_and_recover().await, 0);
    worker.settle([task.done()]).await;
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    assert_eq!(subject.stats().await.workers, 1);
}

pub async fn no_two_workers_get_the_same_task(subject: &Subject) {
    subject.push(0..4).await;
    let (first, second) = (subject.worker().await, subject.worker().await);
    // The batches of different workers may have the same number.
    let (claimed, other) = (first.claim(2).await, second.claim(5).await);
    assert_eq!((numbers(&claimed), numbers(&other)), (vec![0, 1], vec![2, 3]));
    first.settle(claimed.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.counts().await, [0, 2, 0, 0]);
}

pub async fn a_claim_tells_the_time_of_the_backend(subject: &Subject) {
    let worker = subject.worker().await;
    subject.push([1]).await;
    let pause = Duration::from_millis(100);
    let before = worker.try_claim(worker.next(1)).await.unwrap().at;
    tokio::time::sleep(pause).await;
    let after = worker.try_claim(worker.next(1)).await.unwrap().at;
    // A millisecond less, as both times are cut to whole ones.
    assert!(after.saturating_since(before) >= pause - Duration::from_millis(1), "{before}, then {after}");
    let settled = worker.try_settle(&[], None).await.unwrap().at;
    assert!(settled >= after, "{after}, then {settled}");
}
