//! Claims that wait for a task.

use std::{future::Future, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Subject, Worker, numbers,
    subject::{LONG, task},
};
use crate::{
    BackendErrorKind,
    backend::{Claimed, Due, Selection},
};

/// Far beyond what a case takes.
const PATIENT: Duration = Duration::from_secs(60);

/// How long a wake-up may take on a busy machine; a backend that polls rarely, or not at all, exceeds it.
const PROMPT: Duration = Duration::from_secs(2);

/// How long a case gives a waiting claim to begin.
const SETTLE_IN: Duration = Duration::from_millis(200);

pub async fn a_waiting_claim_takes_at_once_what_is_there(subject: &Subject) {
    subject.push(0..3).await;
    let worker = subject.worker().await;
    let begun = Instant::now();
    assert_eq!(numbers(&worker.wait(2, PATIENT).await), [0, 1]);
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    assert_eq!(subject.counts().await, [1, 2, 0, 0]);
}

pub async fn a_waiting_claim_gets_a_task_pushed_meanwhile(subject: &Subject) {
    let worker = subject.worker().await;
    for number in 0..3 {
        assert_wakes(&worker, number, subject.push([number])).await;
    }
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn a_waiting_claim_is_woken_by_whatever_makes_a_task_ready(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    let (waiter, holder, deserter) = (subject.worker().await, subject.worker().await, subject.worker().await);

    assert_eq!(backend.schedule(queue, &[task(1)], Due::In(Duration::ZERO)).await.unwrap().len(), 1);
    assert_wakes(&waiter, 1, async { assert_eq!(subject.promote().await, 1) }).await;

    subject.bury(["2"]).await;
    let replay = async { assert_eq!(backend.replay(queue, &Selection::All).await.unwrap(), 1) };
    assert_wakes(&waiter, 2, replay).await;

    subject.push([3]).await;
    let held = holder.claim_one().await;
    assert_wakes(&waiter, 3, holder.settle([held.release()])).await;

    subject.push([4]).await;
    assert_eq!(deserter.claim(1).await.len(), 1);
    assert_wakes(&waiter, 4, async { assert_eq!(deserter.leave().await, 1) }).await;

    subject.push([5]).await;
    assert_eq!(subject.doomed_worker().await.claim(1).await.len(), 1);
    assert_wakes(&waiter, 5, async { assert_eq!(subject.expire_and_recover().await, 1) }).await;
}

/// Checks that a claim that waits while `event` happens gets the task `number` soon after.
async fn assert_wakes(waiter: &Worker, number: u64, event: impl Future<Output = ()>) {
    let event = async {
        tokio::time::sleep(SETTLE_IN).await;
        event.await;
        Instant::now()
    };
    let (tasks, happened) = tokio::join!(waiter.wait(5, PATIENT), event);
    assert!(happened.elapsed() < PROMPT, "task {number}: {:?}", happened.elapsed());
    assert_eq!(numbers(&tasks), [number]);
    waiter.settle(tasks.into_iter().map(Claimed::done)).await;
}

pub async fn a_waiting_claim_ends_when_its_patience_is_over(subject: &Subject) {
    let worker = subject.worker().await;
    let patience = Duration::from_millis(400);
    let begun = Instant::now();
    assert!(worker.wait(1, patience).await.is_empty());
    let waited = begun.elapsed();
    assert!(waited + Duration::from_millis(5) >= patience && waited < patience + PROMPT, "{waited:?}");
    subject.push([1]).await;
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
}

pub async fn a_waiting_claim_ends_on_stop_with_nothing_claimed(subject: &Subject) {
    let worker = subject.worker().await;
    let stop = CancellationToken::new();
    let cancel = async {
        tokio::time::sleep(SETTLE_IN).await;
        stop.cancel();
        Instant::now()
    };
    let (batch, stopped) = tokio::join!(worker.try_wait(worker.next(1), PATIENT, &stop), cancel);
    assert!(batch.unwrap().tasks.is_empty());
    assert!(stopped.elapsed() < PROMPT, "{:?}", stopped.elapsed());

    // One that is stopped before it begins does not wait either.
    let begun = Instant::now();
    assert!(worker.try_wait(worker.next(1), PATIENT, &stop).await.unwrap().tasks.is_empty());
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());

    // What comes now is for others.
    subject.push([1]).await;
    tokio::time::sleep(SETTLE_IN).await;
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    assert_eq!(subject.drain_numbers().await, [1]);
}

pub async fn of_two_waiting_claims_one_gets_the_task(subject: &Subject) {
    let (first, second) = (subject.worker().await, subject.worker().await);
    let patience = Duration::from_secs(2);
    let push = async {
        tokio::time::sleep(SETTLE_IN).await;
        subject.push([1]).await;
    };
    let (one, other, ()) = tokio::join!(first.wait(5, patience), second.wait(5, patience), push);
    assert_eq!(one.len() + other.len(), 1);
    assert_eq!(subject.counts().await, [0, 1, 0, 0]);

    // Nothing is kept for the one that went without.
    let (idle, busy, task) = if one.is_empty() { (&first, &second, other) } else { (&second, &first, one) };
    subject.push([2]).await;
    assert_eq!(subject.counts().await, [1, 1, 0, 0]);
    assert_eq!(idle.leave().await, 0);
    busy.settle(task.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.drain_numbers().await, [2]);
}

pub async fn a_repeated_waiting_claim_gives_the_same_tasks(subject: &Subject) {
    let worker = subject.worker().await;
    let stop = CancellationToken::new();
    let claim = worker.next(2);
    let push = async {
        tokio::time::sleep(SETTLE_IN).await;
        subject.push([1]).await;
    };
    let (lost_reply, ()) = tokio::join!(worker.try_wait(claim, PATIENT, &stop), push);
    subject.push([2]).await;
    let begun = Instant::now();
    let tasks = worker.try_wait(claim, PATIENT, &stop).await.unwrap().tasks;
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    assert_eq!(numbers(&tasks), numbers(&lost_reply.unwrap().tasks));
    assert!(numbers(&tasks).starts_with(&[1]));
    worker.settle(tasks.into_iter().map(Claimed::done)).await;
    let [ready, claimed, ..] = subject.counts().await;
    assert_eq!((ready, claimed), (1, 0));
}

pub async fn a_waiting_claim_takes_as_many_as_are_there(subject: &Subject) {
    let worker = subject.worker().await;
    let push = async {
        tokio::time::sleep(SETTLE_IN).await;
        subject.push(0..50).await;
    };
    let (first, ()) = tokio::join!(worker.wait(20, PATIENT), push);
    assert!((1..=20).contains(&first.len()), "{}", first.len());
    let mut seen = numbers(&first);
    while seen.len() < 50 {
        let tasks = worker.wait(20, PATIENT).await;
        assert_eq!(tasks.len(), 20.min(50 - seen.len()));
        seen.extend(numbers(&tasks));
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

pub async fn a_dropped_waiting_claim_loses_nothing(subject: &Subject) {
    for pushed_before_leaving in [true, false] {
        let worker = subject.worker().await;
        let dropped = tokio::time::timeout(SETTLE_IN, worker.wait(1, PATIENT)).await;
        assert!(dropped.is_err(), "there was nothing to claim");
        if pushed_before_leaving {
            subject.push([1]).await;
            tokio::time::sleep(SETTLE_IN).await;
            worker.leave().await;
        } else {
            worker.leave().await;
            subject.push([1]).await;
            tokio::time::sleep(SETTLE_IN).await;
        }
        assert_eq!(subject.counts().await, [1, 0, 0, 0], "pushed before leaving: {pushed_before_leaving}");
        assert_eq!(subject.drain_numbers().await, [1]);
    }
}

pub async fn a_worker_that_is_recovered_while_it_waits_takes_nothing(subject: &Subject) {
    let worker = subject.doomed_worker().await;
    let stop = CancellationToken::new();
    let recover_and_push = async {
        subject.expire_and_recover().await;
        subject.push([1]).await;
        tokio::time::sleep(SETTLE_IN).await;
        stop.cancel();
    };
    let (answer, ()) = tokio::join!(worker.try_wait(worker.next(1), PATIENT, &stop), recover_and_push);
    match answer {
        Ok(batch) => assert!(batch.tasks.is_empty(), "{batch:?}"),
        Err(error) => assert_eq!(error.kind(), BackendErrorKind::LeaseLost, "{error}"),
    }
    subject.recover().await;
    assert_eq!(subject.drain_numbers().await, [1]);
}

pub async fn a_waiting_claim_needs_a_lease(subject: &Subject) {
    let stranger = subject.stranger();
    let refused = stranger.try_wait(stranger.next(1), LONG, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::LeaseLost);
    subject.push([1]).await;
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
}
