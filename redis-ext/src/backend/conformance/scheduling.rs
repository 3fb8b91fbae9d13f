//! Tasks that wait for their time.

use std::time::Duration;

use super::{
    Subject,
    subject::{odd_entries, task},
};
use crate::{
    Timestamp,
    backend::{Due, MAX_BATCH, NewTask, Promoted},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn schedule(subject: &Subject, tasks: &[NewTask], due: Due) {
    for slice in tasks.chunks(MAX_BATCH) {
        assert_eq!(subject.backend.schedule(&subject.queue, slice, due).await.unwrap().len(), slice.len());
    }
}

/// Waits for the next scheduled task and promotes it.
async fn promote_next(subject: &Subject) {
    while subject.promote().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn backends_time(subject: &Subject) -> Timestamp {
    subject.worker().await.try_settle(&[], None).await.unwrap().at
}

pub async fn a_scheduled_task_waits_for_its_time(subject: &Subject) {
    let delay = Duration::from_millis(400);
    let begun = tokio::time::Instant::now();
    schedule(subject, &[task(1)], Due::In(delay)).await;
    let Promoted { moved, next_due } = subject.backend.promote(&subject.queue, 10).await.unwrap();
    if moved == 0 {
        let next_due = next_due.unwrap();
        assert!(next_due <= delay && next_due + begun.elapsed() + Duration::from_millis(2) >= delay, "{next_due:?}");
        assert_eq!(subject.counts().await, [0, 0, 1, 0]);
        promote_next(subject).await;
    }
    assert!(begun.elapsed() + Duration::from_millis(1) >= delay, "{:?}", begun.elapsed());
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    assert_eq!(subject.backend.promote(&subject.queue, 10).await.unwrap(), Promoted::default());
}

pub async fn a_task_can_be_scheduled_for_a_point_in_time(subject: &Subject) {
    let at = backends_time(subject).await.saturating_add(Duration::from_millis(300));
    schedule(subject, &[task(1)], Due::At(at)).await;
    promote_next(subject).await;
    assert!(backends_time(subject).await >= at);
    assert_eq!(subject.drain_numbers().await, [1]);
}

pub async fn a_time_that_has_passed_is_due_at_once(subject: &Subject) {
    schedule(subject, &[task(1)], Due::At(Timestamp::from_millis(0))).await;
    schedule(subject, &[task(2)], Due::In(Duration::ZERO)).await;
    assert_eq!(subject.counts().await, [0, 0, 2, 0]);
    assert_eq!(subject.backend.promote(&subject.queue, 10).await.unwrap(), Promoted { moved: 2, next_due: None });
    assert_eq!(subject.drain_numbers().await, [1, 2]);
}

pub async fn scheduled_tasks_become_ready_in_the_order_of_their_times(subject: &Subject) {
    let now = backends_time(subject).await.as_millis();
    for (number, millis_ago) in [(3, 10), (1, 1_000), (4, 1), (2, 500)] {
        schedule(subject, &[task(number)], Due::At(Timestamp::from_millis(now - millis_ago))).await;
    }
    schedule(subject, &[task(5)], Due::In(MINUTE)).await;
    let promoted = subject.backend.promote(&subject.queue, 10).await.unwrap();
    assert_eq!(promoted.moved, 4);
    let next_due = promoted.next_due.unwrap();
    assert!(next_due > MINUTE / 2 && next_due <= MINUTE, "{next_due:?}");
    assert_eq!(subject.drain_numbers().await, [1, 2, 3, 4]);
}

pub async fn promoted_tasks_join_the_tail(subject: &Subject) {
    schedule(subject, &[task(2)], Due::In(Duration::ZERO)).await;
    subject.push([1]).await;
    assert_eq!(subject.promote().await, 1);
    subject.push([3]).await;
    assert_eq!(subject.drain_numbers().await, [1, 2, 3]);
}

pub async fn equal_entries_scheduled_twice_both_arrive(subject: &Subject) {
    let due = Due::At(Timestamp::from_millis(1));
    schedule(subject, &[task(1), task(1)], due).await;
    schedule(subject, &[task(1)], due).await;
    assert_eq!(subject.promote().await, 3);
    assert_eq!(subject.drain_numbers().await, [1, 1, 1]);
}

pub async fn scheduled_entries_keep_every_byte(subject: &Subject) {
    for (index, entry) in (0..).zip(odd_entries()) {
        schedule(subject, &[NewTask::new(entry)], Due::At(Timestamp::from_millis(index))).await;
    }
    assert_eq!(subject.promote().await, odd_entries().len());
    assert_eq!(subject.drain().await, odd_entries());
}

pub async fn promote_moves_no_more_than_was_asked_for(subject: &Subject) {
    schedule(subject, &[task(1), task(2), task(3)], Due::In(Duration::ZERO)).await;
    let promoted = subject.backend.promote(&subject.queue, 2).await.unwrap();
    assert_eq!(promoted, Promoted { moved: 2, next_due: Some(Duration::ZERO) });
    assert_eq!(subject.counts().await, [2, 0, 1, 0]);
}

pub async fn thousands_of_due_tasks_are_promoted_in_bounded_steps(subject: &Subject) {
    let tasks: Vec<_> = (0..2_000).map(task).collect();
    schedule(subject, &tasks, Due::In(Duration::ZERO)).await;
    let mut moved = 0;
    loop {
        let promoted = subject.backend.promote(&subject.queue, usize::MAX).await.unwrap();
        assert!(promoted.moved <= MAX_BATCH, "{promoted:?}");
        moved += promoted.moved;
        if promoted.next_due.is_none() {
            break;
        }
        assert_eq!(promoted, Promoted { moved: MAX_BATCH, next_due: Some(Duration::ZERO) });
    }
    assert_eq!(moved, tasks.len());
    let mut numbers = subject.drain_numbers().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
}
