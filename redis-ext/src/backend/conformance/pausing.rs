//! A queue that is paused.

use std::time::Duration;

use tokio::time::Instant;

use super::{Subject, numbers, subject::LONG};

/// How long a resumed queue may take to wake its waiting claims on a busy machine.
const PROMPT: Duration = Duration::from_secs(3);

/// How long a case watches that nothing happens.
const A_WHILE: Duration = Duration::from_millis(300);

async fn pause(subject: &Subject) {
    subject.backend.pause(&subject.queue).await.unwrap();
}

async fn resume(subject: &Subject) {
    subject.backend.resume(&subject.queue).await.unwrap();
}

pub async fn a_paused_queue_gives_nothing_and_keeps_what_is_pushed(subject: &Subject) {
    subject.push([1]).await;
    pause(subject).await;
    subject.push([2]).await;
    assert!(subject.stats().await.paused);
    let worker = subject.worker().await;
    assert!(worker.claim(5).await.is_empty());
    assert!(worker.try_settle(&[], Some(worker.next(5))).await.unwrap().tasks.is_empty());
    assert_eq!(subject.counts().await, [2, 0, 0, 0]);
    resume(subject).await;
    assert!(!subject.stats().await.paused);
    assert_eq!(numbers(&worker.claim(5).await), [1, 2]);
}

pub async fn claimed_tasks_go_on_while_the_queue_is_paused(subject: &Subject) {
    subject.push(0..3).await;
    let worker = subject.worker().await;
    let [zero, one] = worker.claim(2).await.try_into().unwrap();
    pause(subject).await;
    worker.renew(LONG).await.unwrap();
    worker.settle([zero.done(), one.release()]).await;
    assert_eq!(subject.counts().await, [2, 0, 0, 0]);
}

pub async fn a_pause_holds_back_a_waiting_claim_and_resuming_wakes_it(subject: &Subject) {
    let worker = subject.worker().await;
    let pause_and_resume = async {
        tokio::time::sleep(A_WHILE).await;
        pause(subject).await;
        subject.push([1]).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(subject.counts().await, [1, 0, 0, 0]);
        let resumed = Instant::now();
        resume(subject).await;
        resumed
    };
    let (tasks, resumed) = tokio::join!(worker.wait(5, Duration::from_secs(60)), pause_and_resume);
    assert_eq!(numbers(&tasks), [1]);
    assert!(resumed.elapsed() < PROMPT, "{:?}", resumed.elapsed());
}

pub async fn a_waiting_claim_on_a_paused_queue_ends_with_its_patience(subject: &Subject) {
    subject.push([1]).await;
    pause(subject).await;
    let worker = subject.worker().await;
    let begun = Instant::now();
    assert!(worker.wait(5, A_WHILE).await.is_empty());
    let waited = begun.elapsed();
    assert!(waited + Duration::from_millis(5) >= A_WHILE && waited < A_WHILE + PROMPT, "{waited:?}");
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
}

pub async fn pausing_and_resuming_twice_is_fine(subject: &Subject) {
    resume(subject).await;
    pause(subject).await;
    pause(subject).await;
    assert!(subject.stats().await.paused);
    resume(subject).await;
    resume(subject).await;
    assert!(!subject.stats().await.paused);
    subject.push([1]).await;
    assert_eq!(subject.drain_numbers().await, [1]);
}
