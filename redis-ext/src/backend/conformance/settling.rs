//! What becomes of claimed tasks.

use std::time::Duration;

use super::{
    Subject, numbers,
    subject::{envelope, letter, odd_entries},
};
use crate::{
    BackendErrorKind, TaskId, Timestamp,
    backend::{Claimed, DeadLetter, DeathReason, NewTask},
    task::Envelope,
};

pub async fn a_task_that_is_done_is_gone(subject: &Subject) {
    subject.push([1, 2]).await;
    let worker = subject.doomed_worker().await;
    worker.settle(worker.claim(2).await.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
    assert_eq!(subject.expire_and_recover().await, 0);
}

pub async fn a_retry_is_ready_after_its_delay_as_it_was_rewritten(subject: &Subject) {
    let delay = Duration::from_millis(300);
    let id = TaskId::random();
    let task = NewTask::new(envelope(id, "1").to_entry()).with_id(id);
    assert_eq!(subject.backend.enqueue(&subject.queue, &[task]).await.unwrap().len(), 1);
    let worker = subject.worker().await;
    let claimed = worker.claim_one().await;
    let rewritten = Envelope::parse(claimed.entry()).unwrap().next_attempt().to_entry();
    let begun = tokio::time::Instant::now();
    worker.settle([claimed.retry(id, rewritten.clone(), delay)]).await;
    assert_eq!(subject.counts().await, [0, 0, 1, 0]);

    while subject.promote().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() >= delay - Duration::from_millis(1), "{:?}", begun.elapsed());
    assert_eq!(subject.drain().await, [rewritten]);
}

pub async fn a_dead_task_is_listed_with_all_that_is_known_of_it(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.worker().await;
    let begun = worker.try_settle(&[], None).await.unwrap().at;
    let errors = vec!["the mailbox is gone".to_owned(), "line\nbreak, \"quotes\", 漢字 \0".to_owned(), String::new()];
    let letter = DeadLetter::new(TaskId::random(), DeathReason::AttemptsExhausted, errors, b"1".to_vec())
        .with_history(25, Some(Timestamp::from_millis(1_764_000_000_123)));
    worker.settle([worker.claim_one().await.dead(letter.clone())]).await;
    let ended = worker.try_settle(&[], None).await.unwrap().at;

    let [listed] = subject.dead().await.try_into().unwrap();
    assert!(listed.died_at >= begun && listed.died_at <= ended, "{begun}, {}, {ended}", listed.died_at);
    let mut expected = letter;
    expected.died_at = listed.died_at;
    assert_eq!(listed, expected);
}

pub async fn dead_letters_keep_every_byte(subject: &Subject) {
    subject.bury(odd_entries()).await;
    let letters = subject.dead().await;
    let entries: Vec<_> = letters.into_iter().rev().map(|letter| letter.entry).collect();
    assert_eq!(entries, odd_entries());
}

pub async fn released_tasks_return_to_the_head_in_order(subject: &Subject) {
    subject.push(0..6).await;
    let worker = subject.worker().await;
    let [zero, one, two, three] = worker.claim(4).await.try_into().unwrap();
    worker.settle([one.done()]).await;
    worker.settle([zero.release(), two.release(), three.release()]).await;
    assert_eq!(subject.counts().await, [5, 0, 0, 0]);
    assert_eq!(subject.drain().await, [b"0", b"2", b"3", b"4", b"5"]);
}

pub async fn a_part_of_a_batch_can_be_settled(subject: &Subject) {
    subject.push(0..5).await;
    let worker = subject.worker().await;
    let [zero, one, two, three, four] = worker.claim(5).await.try_into().unwrap();
    worker.settle([three.done()]).await;
    worker.settle([zero.done(), four.done()]).await;
    assert_eq!(subject.counts().await, [0, 2, 0, 0]);
    worker.settle([two.done(), one.done()]).await;
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn one_call_settles_tasks_of_several_batches_in_every_way(subject: &Subject) {
    subject.push(0..8).await;
    let worker = subject.worker().await;
    let [zero, one] = worker.claim(2).await.try_into().unwrap();
    let [two, three, four] = worker.claim(3).await.try_into().unwrap();
    let [five] = worker.claim(1).await.try_into().unwrap();
    let id = TaskId::random();
    let settlements = [
        zero.done(),
        five.done(),
        two.retry(id, b"2".to_vec(), Duration::ZERO),
        three.dead(letter(id, "3")),
        one.release(),
    ];
    worker.settle(settlements).await;
    assert_eq!(subject.counts().await, [3, 1, 1, 1]);
    worker.settle([four.done()]).await;
    assert_eq!(subject.drain_numbers().await, [1, 6, 7]);
    assert_eq!(subject.dead().await[0].entry, b"3");
    assert_eq!(subject.promote().await, 1);
    assert_eq!(subject.drain_numbers().await, [2]);
}

pub async fn settling_claims_the_next_tasks_in_the_same_step(subject: &Subject) {
    subject.push(0..5).await;
    let worker = subject.worker().await;
    let mut tasks = worker.claim(2).await;
    let mut seen = Vec::new();
    while !tasks.is_empty() {
        seen.extend(numbers(&tasks));
        let settlements: Vec<_> = tasks.into_iter().map(Claimed::done).collect();
        tasks = worker.try_settle(&settlements, Some(worker.next(2))).await.unwrap().tasks;
    }
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn a_released_task_can_be_claimed_in_the_same_step(subject: &Subject) {
    subject.push([1, 2]).await;
    let worker = subject.worker().await;
    let released = [worker.claim_one().await.release()];
    let next = worker.try_settle(&released, Some(worker.next(2))).await.unwrap();
    assert_eq!(numbers(&next.tasks), [1, 2]);
}

pub async fn a_repeated_settlement_changes_nothing(subject: &Subject) {
    subject.push(0..5).await;
    let worker = subject.worker().await;
    let [zero, one, two, three, four] = worker.claim(5).await.try_into().unwrap();
    let id = TaskId::random();
    let settlements = [
        zero.done(),
        one.retry(TaskId::random(), b"1".to_vec(), Duration::from_secs(60)),
        two.dead(letter(id, "2")),
        three.release(),
    ];
    for _ in 0..3 {
        worker.try_settle(&settlements, None).await.unwrap();
        assert_eq!(subject.counts().await, [1, 1, 1, 1]);
    }
    // The same once the whole batch is settled.
    worker.settle([four.done()]).await;
    worker.try_settle(&settlements, None).await.unwrap();
    assert_eq!(subject.counts().await, [1, 0, 1, 1]);
}

pub async fn a_repeated_settlement_gives_the_same_next_tasks(subject: &Subject) {
    subject.push(0..4).await;
    let worker = subject.worker().await;
    let settlements = [worker.claim_one().await.done()];
    let next = worker.next(2);
    let lost_reply = worker.try_settle(&settlements, Some(next)).await.unwrap();
    let tasks = worker.try_settle(&settlements, Some(next)).await.unwrap().tasks;
    assert_eq!((numbers(&lost_reply.tasks), numbers(&tasks)), (vec![1, 2], vec![1, 2]));
    assert_eq!(subject.counts().await, [1, 2, 0, 0]);
}

pub async fn a_settlement_repeated_after_its_task_came_back_does_not_touch_it(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.worker().await;
    let retry = [worker.claim_one().await.retry(TaskId::random(), b"1".to_vec(), Duration::ZERO)];
    worker.try_settle(&retry, None).await.unwrap();
    assert_eq!(subject.promote().await, 1);
    let task = worker.claim_one().await;
    worker.try_settle(&retry, None).await.unwrap();
    assert_eq!(subject.counts().await, [0, 1, 0, 0]);
    worker.settle([task.done()]).await;
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn settling_needs_a_lease(subject: &Subject) {
    subject.push([1, 2]).await;
    let stranger = subject.stranger();
    for next in [None, Some(stranger.next(1))] {
        let refused = stranger.try_settle(&[], next).await.unwrap_err();
        assert_eq!(refused.kind(), BackendErrorKind::LeaseLost);
    }

    // The batch of another incarnation, though it has the same number.
    let worker = subject.worker().await;
    let settlement = [worker.claim_one().await.done()];
    let refused = stranger.try_settle(&settlement, None).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::LeaseLost);
    assert_eq!(subject.counts().await, [1, 1, 0, 0]);
}
