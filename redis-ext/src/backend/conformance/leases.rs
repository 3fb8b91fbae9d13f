//! Leases: kept, lost, given back.

use std::{fmt::Debug, time::Duration};

use super::{
    Subject, Worker, numbers,
    subject::{LONG, letter},
};
use crate::{
    BackendError, BackendErrorKind, TaskId,
    backend::{Claimed, Settlement},
};

/// What an operation of a worker without a lease must give.
fn assert_lost<T: Debug>(answer: Result<T, BackendError>) {
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::LeaseLost, "{error}");
}

async fn assert_all_lost(worker: &Worker, settlements: &[Settlement]) {
    assert_lost(worker.renew(LONG).await);
    assert_lost(worker.try_claim(worker.next(1)).await);
    assert_lost(worker.try_settle(settlements, None).await);
    assert_lost(worker.try_settle(&[], Some(worker.next(1))).await);
}

pub async fn a_renewed_lease_keeps_its_tasks(subject: &Subject) {
    // Long enough that a busy machine does not miss a renewal.
    let ttl = Duration::from_secs(2);
    subject.push([1]).await;
    let worker = subject.worker_for(ttl).await;
    let task = worker.claim_one().await;
    for _ in 0..5 {
        tokio::time::sleep(ttl / 4).await;
        worker.renew(ttl).await.unwrap();
        assert_eq!(subject.recover().await.requeued, 0);
    }
    worker.settle([task.done()]).await;
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn an_expired_lease_that_nobody_recovered_comes_back_to_life(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.doomed_worker().await;
    let task = worker.claim_one().await;
    subject.expire().await;
    worker.renew(LONG).await.unwrap();
    assert_eq!(subject.expire_and_recover().await, 0);
    worker.settle([task.done()]).await;
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn an_expired_lease_that_nobody_recovered_can_still_settle(subject: &Subject) {
    subject.push([1, 2]).await;
    let worker = subject.doomed_worker().await;
    let done = [worker.claim_one().await.done()];
    subject.expire().await;
    let next = worker.try_settle(&done, Some(worker.next(1))).await.unwrap();
    assert_eq!(numbers(&next.tasks), [2]);
}

pub async fn renewing_needs_a_lease(subject: &Subject) {
    assert_lost(subject.stranger().renew(LONG).await);
    assert_eq!(subject.stats().await.workers, 0);
}

pub async fn a_recovered_incarnation_has_lost_its_lease(subject: &Subject) {
    subject.push([1, 2]).await;
    let worker = subject.doomed_worker().await;
    let done = [worker.claim_one().await.done()];
    assert_eq!(subject.expire_and_recover().await, 1);
    assert_all_lost(&worker, &done).await;
}

pub async fn settling_after_a_recovery_has_no_effect(subject: &Subject) {
    subject.push(0..4).await;
    let worker = subject.doomed_worker().await;
    let [zero, one, two, three] = worker.claim(4).await.try_into().unwrap();
    assert_eq!(subject.expire_and_recover().await, 4);
    let (successor, id) = (subject.worker().await, TaskId::random());
    let rerun = successor.claim(2).await;
    let late = [
        zero.done(),
        one.retry(TaskId::random(), b"1".to_vec(), Duration::ZERO),
        two.dead(letter(id, "2")),
        three.release(),
    ];
    assert_lost(worker.try_settle(&late, None).await);
    assert_eq!(subject.counts().await, [2, 2, 0, 0]);
    assert_eq!(numbers(&rerun), [0, 1]);
    successor.settle(rerun.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.drain_numbers().await, [2, 3]);
}

pub async fn leaving_returns_unsettled_tasks_unchanged_and_in_order(subject: &Subject) {
    subject.push(0..7).await;
    let worker = subject.worker().await;
    let [zero, _one, two] = worker.claim(3).await.try_into().unwrap();
    let [_three, four] = worker.claim(2).await.try_into().unwrap();
    worker.settle([zero.done(), four.done(), two.done()]).await;
    assert_eq!(worker.leave().await, 2);
    assert_eq!(subject.counts().await, [4, 0, 0, 0]);
    assert_eq!(subject.drain().await, [b"1", b"3", b"5", b"6"]);
}

pub async fn leaving_twice_is_fine(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.worker().await;
    assert_eq!(worker.claim(1).await.len(), 1);
    assert_eq!((worker.leave().await, worker.leave().await), (1, 0));
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    assert_eq!(subject.stats().await.workers, 0);
}

pub async fn a_worker_that_left_has_no_lease(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.worker().await;
    let done = [worker.claim_one().await.done()];
    worker.leave().await;
    assert_all_lost(&worker, &done).await;
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
}

pub async fn leaving_after_a_recovery_takes_nothing_from_the_next_worker(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.doomed_worker().await;
    assert_eq!(worker.claim(1).await.len(), 1);
    assert_eq!(subject.expire_and_recover().await, 1);
    let successor = subject.worker().await;
    let rerun = successor.claim_one().await;
    assert_eq!(worker.leave().await, 0);
    assert_eq!(subject.counts().await, [0, 1, 0, 0]);
    successor.settle([rerun.done()]).await;
}
