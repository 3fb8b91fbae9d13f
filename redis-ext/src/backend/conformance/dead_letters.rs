//! Dead letters: listed, replayed, deleted, bounded.

use std::time::Duration;

use super::{
    Subject,
    subject::{envelope, letter, number},
};
use crate::{
    TaskId,
    backend::{Claimed, DeadLetters, MAX_BATCH, NewTask, Page, Retention, Selection},
    task::Envelope,
};

/// Bounds that nothing in these cases reaches.
const LOOSE: Retention = Retention { count: 1_000_000, age: Duration::from_secs(86_400), bytes: 1 << 30 };

async fn page(subject: &Subject, offset: usize, limit: usize) -> (Vec<u64>, usize) {
    let DeadLetters { letters, total } =
        subject.backend.dead_letters(&subject.queue, Page { offset, limit }).await.unwrap();
    (letters.iter().map(|letter| number(&letter.entry)).collect(), total)
}

async fn trim(subject: &Subject, retention: Retention) -> usize {
    subject.backend.trim_dead(&subject.queue, &retention).await.unwrap()
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = String> {
    numbers.into_iter().map(|number| number.to_string())
}

/// A JSON number of 10,000 bytes: what else a letter holds weighs little beside it.
fn heavy(number: u8) -> String {
    format!("{number:10000}")
}

/// Lets very many tasks die, as many in a call as there may be.
async fn bury_many(subject: &Subject, count: u64) -> Vec<TaskId> {
    subject.push(0..count).await;
    let worker = subject.worker().await;
    let mut ids = Vec::new();
    loop {
        let tasks = worker.claim(MAX_BATCH).await;
        if tasks.is_empty() {
            return ids;
        }
        let bury = |task: Claimed| {
            let letter = letter(TaskId::random(), task.entry());
            ids.push(letter.id);
            task.dead(letter)
        };
        worker.settle(tasks.into_iter().map(bury)).await;
    }
}

pub async fn dead_letters_are_listed_in_pages_latest_first(subject: &Subject) {
    subject.bury(texts(0..7)).await;
    assert_eq!(page(subject, 0, 3).await, (vec![6, 5, 4], 7));
    assert_eq!(page(subject, 3, 3).await, (vec![3, 2, 1], 7));
    assert_eq!(page(subject, 6, 3).await, (vec![0], 7));
    assert_eq!(page(subject, 7, 3).await, (vec![], 7));
    assert_eq!(page(subject, 0, 0).await, (vec![], 7));
    assert_eq!(page(subject, 5, usize::MAX).await, (vec![1, 0], 7));
}

pub async fn a_replayed_task_runs_again_as_if_it_had_never_been_tried(subject: &Subject) {
    let id = TaskId::random();
    let tried = envelope(id, "1").next_attempt().next_attempt();
    let task = NewTask::new(tried.to_entry()).with_id(id);
    assert_eq!(subject.backend.enqueue(&subject.queue, &[task]).await.unwrap().len(), 1);
    let worker = subject.worker().await;
    let dead = letter(id, tried.untried().to_entry()).with_history(3, tried.enqueued_at);
    worker.settle([worker.claim_one().await.dead(dead)]).await;

    assert_eq!(subject.backend.replay(&subject.queue, &Selection::Ids(vec![id])).await.unwrap(), 1);
    assert_eq!(subject.counts().await, [1, 0, 0, 0]);
    let again = worker.claim_one().await;
    let envelope = Envelope::parse(again.entry()).unwrap();
    assert_eq!((envelope.id, envelope.attempt, envelope.payload()), (id, 0, &b"1"[..]));

    // And it can die again.
    worker.settle([again.dead(letter(id, "1"))]).await;
    assert_eq!(page(subject, 0, 5).await, (vec![1], 1));
}

pub async fn dead_letters_are_replayed_by_id_and_unknown_ids_are_passed_over(subject: &Subject) {
    let ids = subject.bury(texts(0..5)).await;
    let some = Selection::Ids(vec![ids[1], TaskId::random(), ids[3]]);
    assert_eq!(subject.backend.replay(&subject.queue, &some).await.unwrap(), 2);
    assert_eq!(page(subject, 0, 10).await, (vec![4, 2, 0], 3));
    assert_eq!(subject.backend.replay(&subject.queue, &some).await.unwrap(), 0);
    let mut replayed = subject.drain_numbers().await;
    replayed.sort_unstable();
    assert_eq!(replayed, [1, 3]);
}

pub async fn all_dead_letters_are_replayed_to_the_tail(subject: &Subject) {
    subject.bury(texts(1..4)).await;
    subject.push([0]).await;
    assert_eq!(subject.backend.replay(&subject.queue, &Selection::All).await.unwrap(), 3);
    assert_eq!(subject.counts().await, [4, 0, 0, 0]);
    let mut replayed = subject.drain_numbers().await;
    assert_eq!(replayed.remove(0), 0);
    replayed.sort_unstable();
    assert_eq!(replayed, [1, 2, 3]);
}

pub async fn thousands_of_dead_letters_are_replayed_and_deleted(subject: &Subject) {
    const LETTERS: u64 = 1_500;
    bury_many(subject, LETTERS).await;
    let (listed, total) = page(subject, 0, usize::MAX).await;
    assert_eq!((listed.len(), total), (MAX_BATCH, LETTERS as usize));
    assert_eq!(subject.backend.replay(&subject.queue, &Selection::All).await.unwrap(), LETTERS as usize);
    assert_eq!(subject.counts().await, [LETTERS as usize, 0, 0, 0]);
    let mut replayed = subject.drain_numbers().await;
    replayed.sort_unstable();
    assert_eq!(replayed, (0..LETTERS).collect::<Vec<_>>());

    let mut ids = bury_many(subject, LETTERS).await;
    let latter = ids.split_off(LETTERS as usize / 2);
    let count = latter.len();
    assert_eq!(subject.backend.delete_dead(&subject.queue, &Selection::Ids(latter)).await.unwrap(), count);
    assert_eq!(subject.backend.replay(&subject.queue, &Selection::Ids(ids.clone())).await.unwrap(), ids.len());
    subject.drain().await;

    bury_many(subject, LETTERS).await;
    assert_eq!(subject.backend.delete_dead(&subject.queue, &Selection::All).await.unwrap(), LETTERS as usize);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn dead_letters_are_deleted_by_id_and_all_together(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    let ids = subject.bury(texts(0..5)).await;
    let some = Selection::Ids(vec![ids[0], TaskId::random(), ids[4]]);
    assert_eq!(backend.delete_dead(queue, &some).await.unwrap(), 2);
    assert_eq!(page(subject, 0, 10).await, (vec![3, 2, 1], 3));
    assert_eq!(backend.delete_dead(queue, &some).await.unwrap(), 0);
    assert_eq!(backend.delete_dead(queue, &Selection::All).await.unwrap(), 3);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn the_oldest_dead_letters_over_the_count_are_trimmed(subject: &Subject) {
    subject.bury(texts(0..6)).await;
    assert_eq!(trim(subject, Retention { count: 4, ..LOOSE }).await, 2);
    assert_eq!(page(subject, 0, 10).await, (vec![5, 4, 3, 2], 4));
    assert_eq!(trim(subject, Retention { count: 4, ..LOOSE }).await, 0);
    assert_eq!(trim(subject, Retention { count: 0, ..LOOSE }).await, 4);
    assert_eq!(page(subject, 0, 10).await, (vec![], 0));
}

pub async fn dead_letters_over_the_age_are_trimmed(subject: &Subject) {
    // Between the deaths of the two groups lies more than a busy machine takes for the rest of the case.
    let age = Duration::from_secs(2);
    subject.bury(texts([0, 1])).await;
    tokio::time::sleep(age).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    subject.bury(texts([2, 3])).await;
    assert_eq!(trim(subject, Retention { age, ..LOOSE }).await, 2);
    assert_eq!(page(subject, 0, 10).await, (vec![3, 2], 2));
}

pub async fn the_oldest_dead_letters_over_the_bytes_are_trimmed(subject: &Subject) {
    subject.bury((0..6).map(heavy)).await;
    assert_eq!(trim(subject, Retention { bytes: 65_000, ..LOOSE }).await, 0);
    assert_eq!(trim(subject, Retention { bytes: 35_000, ..LOOSE }).await, 3);
    assert_eq!(page(subject, 0, 10).await, (vec![5, 4, 3], 3));
}

pub async fn what_was_deleted_or_replayed_does_not_count_for_the_bounds(subject: &Subject) {
    let Subject { backend, queue, .. } = subject;
    let bounds = Retention { count: 3, bytes: 35_000, ..LOOSE };
    for round in 0..4 {
        let ids = subject.bury((0..3).map(heavy)).await;
        assert_eq!(trim(subject, bounds).await, 0, "round {round}");
        let all = if round < 2 { Selection::All } else { Selection::Ids(ids) };
        let gone = match round % 2 {
            0 => backend.delete_dead(queue, &all).await.unwrap(),
            _ => backend.replay(queue, &all).await.unwrap(),
        };
        assert_eq!(gone, 3);
        subject.drain().await;
    }
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn dead_letters_within_the_bounds_are_kept(subject: &Subject) {
    subject.bury(texts(0..3)).await;
    assert_eq!(trim(subject, Retention::default()).await, 0);
    assert_eq!(trim(subject, Retention { count: 3, ..LOOSE }).await, 0);
    assert_eq!(page(subject, 0, 10).await, (vec![2, 1, 0], 3));
}
