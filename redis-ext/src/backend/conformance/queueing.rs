//! Into a queue and out of it: order, bytes, sizes, names, counts.

use std::time::Duration;

use super::{
    Subject, numbers,
    subject::{letter, odd_entries, task},
};
use crate::{
    BackendErrorKind, TaskId,
    backend::{
        DEFAULT_MAX_ENTRY_BYTES, DeadLetters, Due, MAX_BATCH, NewTask, Page, Promoted, Recovered, Retention, Selection,
    },
};

pub async fn tasks_come_out_in_the_order_in_which_they_went_in(subject: &Subject) {
    subject.push([1, 2]).await;
    subject.push([3]).await;
    assert_eq!(subject.drain_numbers().await, [1, 2, 3]);
}

pub async fn a_whole_slice_keeps_its_order(subject: &Subject) {
    let all: Vec<u64> = (0..MAX_BATCH as u64).collect();
    subject.push(all.clone()).await;
    assert_eq!(subject.drain_numbers().await, all);
}

pub async fn enqueue_answers_the_id_of_each_task(subject: &Subject) {
    let tasks = [task(1), task(2)];
    for answers in [
        subject.backend.enqueue(&subject.queue, &tasks).await.unwrap(),
        subject.backend.schedule(&subject.queue, &tasks, Due::In(Duration::ZERO)).await.unwrap(),
    ] {
        let ids: Vec<_> = answers.iter().map(|answer| answer.id()).collect();
        assert_eq!(ids, tasks.each_ref().map(|task| task.id));
        assert!(answers.iter().all(|answer| !answer.is_duplicate()));
    }
}

pub async fn entries_keep_every_byte(subject: &Subject) {
    let tasks: Vec<_> = odd_entries().into_iter().map(NewTask::new).collect();
    assert_eq!(subject.backend.enqueue(&subject.queue, &tasks).await.unwrap().len(), tasks.len());
    assert_eq!(subject.drain().await, odd_entries());
}

pub async fn an_entry_of_the_greatest_size_is_accepted(subject: &Subject) {
    let entry = vec![b'7'; DEFAULT_MAX_ENTRY_BYTES];
    let answers = subject.backend.enqueue(&subject.queue, &[NewTask::new(entry.clone())]).await.unwrap();
    assert_eq!(answers.len(), 1);
    assert_eq!(subject.drain().await, [entry]);
}

pub async fn an_entry_over_the_limit_is_refused_and_nothing_is_enqueued(subject: &Subject) {
    let tasks = [task(1), NewTask::new(vec![b'7'; DEFAULT_MAX_ENTRY_BYTES + 1]), task(2)];
    let refused = subject.backend.enqueue(&subject.queue, &tasks).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::TooLarge);
    assert!(!refused.is_maybe_applied() && !refused.is_retryable());
    let refused = subject.backend.schedule(&subject.queue, &tasks, Due::In(Duration::ZERO)).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::TooLarge);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn empty_slices_change_nothing(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    subject.push([1]).await;
    let worker = subject.worker().await;
    assert_eq!(backend.enqueue(queue, &[]).await.unwrap(), []);
    assert_eq!(backend.schedule(queue, &[], Due::In(Duration::ZERO)).await.unwrap(), []);
    worker.settle([]).await;
    assert_eq!(backend.replay(queue, &Selection::Ids(Vec::new())).await.unwrap(), 0);
    assert_eq!(backend.delete_dead(queue, &Selection::Ids(Vec::new())).await.unwrap(), 0);
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    let next = worker.try_settle(&[], Some(worker.next(5))).await.unwrap();
    assert_eq!(numbers(&next.tasks), [1]);
}

pub async fn queues_do_not_see_each_other(subject: &Subject) {
    let other = subject.other_queue("conformance");
    subject.push([1]).await;
    other.bury(["dead"]).await;
    other.push([2, 3]).await;
    other.backend.pause(&other.queue).await.unwrap();
    assert_eq!(subject.drain_numbers().await, [1]);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
    assert_eq!(other.counts().await, [2, 0, 0, 1]);
}

pub async fn queue_names_may_be_in_any_script(subject: &Subject) {
    for prefix in ["пошта", "メール", "a b", "tenant:7/emails", "100%*?[a]\\", "🦀"] {
        let subject = subject.other_queue(prefix);
        let worker = subject.doomed_worker().await;
        subject.push([1]).await;
        assert_eq!(worker.claim(5).await.len(), 1, "{prefix}");
        assert_eq!(subject.expire_and_recover().await, 1, "{prefix}");
        assert_eq!(subject.drain_numbers().await, [1], "{prefix}");
        subject.bury(["dead"]).await;
        assert_eq!(subject.counts().await, [0, 0, 0, 1], "{prefix}");
    }
}

pub async fn an_unknown_queue_is_an_empty_one(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    let stats = subject.stats().await;
    assert_eq!((subject.counts().await, stats.workers, stats.paused), ([0, 0, 0, 0], 0, false));
    assert_eq!(backend.promote(queue, 5).await.unwrap(), Promoted::default());
    assert_eq!(subject.recover().await, Recovered::default());
    assert_eq!(backend.dead_letters(queue, Page::default()).await.unwrap(), DeadLetters::default());
    assert_eq!(backend.replay(queue, &Selection::All).await.unwrap(), 0);
    assert_eq!(backend.trim_dead(queue, &Retention::default()).await.unwrap(), 0);
}

pub async fn inspect_counts_what_is_in_each_state(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    subject.push(0..10).await;
    assert_eq!(backend.schedule(queue, &[task(10)], Due::In(Duration::from_secs(60))).await.unwrap().len(), 1);
    let (first, second) = (subject.worker().await, subject.worker().await);
    let [one, two, three] = first.claim(3).await.try_into().unwrap();
    assert_eq!(second.claim(2).await.len(), 2);
    assert_eq!((subject.counts().await, subject.stats().await.workers), ([5, 5, 1, 0], 2));

    first.settle([one.done()]).await;
    assert_eq!(subject.counts().await, [5, 4, 1, 0]);
    let id = TaskId::random();
    let retry = two.retry(id, b"2".to_vec(), Duration::from_secs(60));
    first.settle([retry, three.dead(letter(id, "3"))]).await;
    assert_eq!(subject.counts().await, [5, 2, 2, 1]);
    second.leave().await;
    assert_eq!((subject.counts().await, subject.stats().await.workers), ([7, 0, 2, 1], 1));
}
