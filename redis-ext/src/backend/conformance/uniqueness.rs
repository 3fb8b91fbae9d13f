//! Tasks that are unique while they are pending.

use std::time::Duration;

use super::{Subject, subject::letter};
use crate::{
    TaskId,
    backend::{Due, Enqueued, NewTask, UniqueLock},
};

const HOUR: Duration = Duration::from_secs(3600);

fn unique(digest: &str) -> NewTask {
    unique_for(digest, HOUR)
}

fn unique_for(digest: &str, ttl: Duration) -> NewTask {
    NewTask::new("1").unique(UniqueLock { digest: digest.to_owned(), ttl })
}

async fn enqueue(subject: &Subject, task: NewTask) -> Enqueued {
    subject.backend.enqueue(&subject.queue, &[task]).await.unwrap()[0]
}

pub async fn a_duplicate_is_left_out_and_answered_with_the_holders_id(subject: &Subject) {
    let first = enqueue(subject, unique("a")).await;
    let other = enqueue(subject, unique("b")).await;
    assert!(!first.is_duplicate() && !other.is_duplicate());
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(first.id()));
    assert_eq!(subject.counts().await, [2, 0, 0, 0]);

    // While it is being run, too.
    let worker = subject.worker().await;
    assert_eq!(worker.claim(2).await.len(), 2);
    assert_eq!(enqueue(subject, unique("b")).await, Enqueued::duplicate_of(other.id()));
}

pub async fn a_duplicate_within_one_call_is_left_out(subject: &Subject) {
    let tasks = [unique("a"), NewTask::new("2"), unique("a"), unique("b"), unique("b")];
    let answers = subject.backend.enqueue(&subject.queue, &tasks).await.unwrap();
    let expected = [
        Enqueued::new(tasks[0].id),
        Enqueued::new(tasks[1].id),
        Enqueued::duplicate_of(tasks[0].id),
        Enqueued::new(tasks[3].id),
        Enqueued::duplicate_of(tasks[3].id),
    ];
    assert_eq!(answers, expected);
    assert_eq!(subject.drain_numbers().await, [1, 2, 1]);
}

pub async fn a_unique_task_enqueued_again_after_a_lost_reply_stands_there_once(subject: &Subject) {
    let (now, later) = ([unique("a")], [unique("b")]);
    for _ in 0..2 {
        let answers = subject.backend.enqueue(&subject.queue, &now).await.unwrap();
        assert_eq!(answers, [Enqueued::new(now[0].id)]);
        let answers = subject.backend.schedule(&subject.queue, &later, Due::In(HOUR)).await.unwrap();
        assert_eq!(answers, [Enqueued::new(later[0].id)]);
        assert_eq!(subject.counts().await, [1, 0, 1, 0]);
    }
}

pub async fn a_scheduled_task_holds_its_lock(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    let due = Due::In(Duration::from_secs(60));
    let tasks = [unique("a"), unique("a")];
    let answers = backend.schedule(queue, &tasks, due).await.unwrap();
    assert_eq!(answers, [Enqueued::new(tasks[0].id), Enqueued::duplicate_of(tasks[0].id)]);
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(tasks[0].id));
    assert_eq!(subject.counts().await, [0, 0, 1, 0]);
}

pub async fn a_lock_is_released_when_its_task_is_done(subject: &Subject) {
    let first = enqueue(subject, unique("a")).await;
    let worker = subject.worker().await;
    let done = [worker.claim_one().await.done().unlock("a", first.id())];
    worker.try_settle(&done, None).await.unwrap();
    let second = enqueue(subject, unique("a")).await;
    assert!(!second.is_duplicate());

    // A repetition, its reply having been lost, leaves the lock of the next task alone.
    worker.try_settle(&done, None).await.unwrap();
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(second.id()));
}

pub async fn a_lock_is_released_when_its_task_is_dead(subject: &Subject) {
    let first = enqueue(subject, unique("a")).await;
    let worker = subject.worker().await;
    worker.settle([worker.claim_one().await.dead(letter(first.id(), "1")).unlock("a", first.id())]).await;
    assert!(!enqueue(subject, unique("a")).await.is_duplicate());
}

pub async fn a_lock_is_kept_through_a_retry(subject: &Subject) {
    let first = enqueue(subject, unique("a")).await;
    let worker = subject.worker().await;
    worker.settle([worker.claim_one().await.retry(first.id(), b"1".to_vec(), Duration::ZERO)]).await;
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(first.id()));
    assert_eq!(subject.promote().await, 1);
    let released = worker.claim_one().await.release();
    worker.settle([released]).await;
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(first.id()));
}

pub async fn a_lock_expires(subject: &Subject) {
    let ttl = Duration::from_millis(200);
    assert!(!enqueue(subject, unique_for("a", ttl)).await.is_duplicate());
    tokio::time::sleep(2 * ttl).await;
    let second = enqueue(subject, unique("a")).await;
    assert!(!second.is_duplicate());
    assert_eq!(enqueue(subject, unique_for("a", ttl)).await, Enqueued::duplicate_of(second.id()));
}

pub async fn a_lock_is_released_only_by_its_holder(subject: &Subject) {
    let first = enqueue(subject, unique("a")).await;
    subject.push([2]).await;
    let worker = subject.worker().await;
    let [_held, other] = worker.claim(2).await.try_into().unwrap();
    worker.settle([other.done().unlock("a", TaskId::random())]).await;
    assert_eq!(enqueue(subject, unique("a")).await, Enqueued::duplicate_of(first.id()));
}

pub async fn a_lock_is_of_one_queue(subject: &Subject) {
    let other = subject.other_queue("conformance");
    assert!(!enqueue(subject, unique("a")).await.is_duplicate());
    assert!(!enqueue(&other, unique("a")).await.is_duplicate());
}
