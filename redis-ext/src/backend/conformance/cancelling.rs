//! Cancelled tasks: marked, told to who claims them, and settled as such.

use std::time::Duration;

use super::{
    Subject, numbers,
    subject::{LONG, envelope, letter},
};
use crate::{
    TaskId,
    backend::{Claimed, Due, Enqueued, NewTask, Selection, Settlement, UniqueLock},
};

/// Tasks in envelopes, whose payloads are 0, 1, 2…
fn tasks<const N: usize>() -> [NewTask; N] {
    std::array::from_fn(|number| {
        let id = TaskId::random();
        NewTask::new(envelope(id, &number.to_string()).to_entry()).with_id(id)
    })
}

async fn enqueued<const N: usize>(subject: &Subject) -> [TaskId; N] {
    let tasks = tasks::<N>();
    assert_eq!(subject.backend.enqueue(&subject.queue, &tasks).await.unwrap().len(), N);
    tasks.map(|task| task.id)
}

async fn cancel(subject: &Subject, ids: &[TaskId]) {
    subject.backend.cancel(&subject.queue, ids).await.unwrap();
}

async fn cancelled(subject: &Subject, ids: &[TaskId]) -> Vec<TaskId> {
    subject.backend.cancelled(&subject.queue, ids).await.unwrap()
}

pub async fn a_cancelled_task_is_known_until_it_is_settled(subject: &Subject) {
    let [id, other] = enqueued(subject).await;
    cancel(subject, &[id]).await;
    let worker = subject.worker().await;
    let batch = worker.try_claim(worker.next(2)).await.unwrap();
    assert!(batch.any_cancelled);
    let [first, second] = batch.tasks.try_into().unwrap();
    assert_eq!(cancelled(subject, &[id, other]).await, [id]);
    worker.settle([first.cancelled(id)]).await;
    assert_eq!((cancelled(subject, &[id, other]).await, subject.counts().await), (vec![], [0, 1, 0, 0]));
    worker.settle([second.done()]).await;
    assert!(!worker.try_claim(worker.next(1)).await.unwrap().any_cancelled);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn cancelled_tasks_are_told_from_others_in_the_order_of_the_question(subject: &Subject) {
    let [zero, one, two, three] = enqueued(subject).await;
    cancel(subject, &[one, three]).await;
    cancel(subject, &[zero]).await;
    assert_eq!(cancelled(subject, &[three, two, zero, TaskId::random(), one]).await, [three, zero, one]);
}

pub async fn every_way_to_claim_tells_whether_tasks_are_cancelled(subject: &Subject) {
    let worker = subject.worker().await;
    for expected in [false, true] {
        subject.push(0..3).await;
        let claim = worker.next(1);
        let first = worker.try_claim(claim).await.unwrap();
        let repeated = worker.try_claim(claim).await.unwrap();
        let done: Vec<_> = first.tasks.into_iter().map(Claimed::done).collect();
        let settled = worker.try_settle(&done, Some(worker.next(1))).await.unwrap();
        let waited = worker.try_wait(worker.next(1), LONG, &tokio_util::sync::CancellationToken::new()).await.unwrap();
        let told = [first.any_cancelled, repeated.any_cancelled, settled.any_cancelled, waited.any_cancelled];
        assert_eq!(told, [expected; 4]);
        worker.settle(settled.tasks.into_iter().chain(waited.tasks).map(Claimed::done)).await;
        // Of tasks that are none of these: that there are some is told all the same.
        cancel(subject, &[TaskId::random()]).await;
    }
}

pub async fn cancelling_moves_no_task(subject: &Subject) {
    let ids: [TaskId; 4] = enqueued(subject).await;
    let worker = subject.worker().await;
    let held = worker.claim(1).await;
    cancel(subject, &ids).await;
    assert_eq!(subject.counts().await, [3, 1, 0, 0]);
    assert_eq!(numbers(&worker.claim(4).await), [1, 2, 3]);
    // Whoever does not ask may settle it in any way.
    worker.settle(held.into_iter().map(Claimed::done)).await;
    assert_eq!(subject.counts().await, [0, 3, 0, 0]);
}

pub async fn cancelling_twice_and_cancelling_what_is_gone_does_no_harm(subject: &Subject) {
    let [done, id] = enqueued(subject).await;
    let worker = subject.worker().await;
    worker.settle([worker.claim_one().await.done()]).await;
    for _ in 0..2 {
        cancel(subject, &[TaskId::random(), done, id]).await;
    }
    assert_eq!(cancelled(subject, &[id]).await, [id]);
    worker.settle([worker.claim_one().await.cancelled(id)]).await;
    assert_eq!((cancelled(subject, &[id]).await, subject.counts().await), (vec![], [0, 0, 0, 0]));
    let [next] = enqueued(subject).await;
    assert_eq!(cancelled(subject, &[next]).await, []);
}

pub async fn a_cancelled_task_releases_its_unique_lock(subject: &Subject) {
    let unique = || NewTask::new("1").unique(UniqueLock { digest: "a".to_owned(), ttl: LONG });
    let enqueue = async |task| subject.backend.enqueue(&subject.queue, &[task]).await.unwrap()[0];
    let first = enqueue(unique()).await;
    cancel(subject, &[first.id()]).await;
    assert_eq!(enqueue(unique()).await, Enqueued::duplicate_of(first.id()), "held until the task is gone");
    let worker = subject.worker().await;
    worker.settle([worker.claim_one().await.cancelled(first.id()).unlock("a", first.id())]).await;
    assert!(!enqueue(unique()).await.is_duplicate());
}

pub async fn a_repeated_settlement_of_a_cancelled_task_changes_nothing(subject: &Subject) {
    let ids: [TaskId; 3] = enqueued(subject).await;
    cancel(subject, &ids).await;
    let worker = subject.worker().await;
    let [zero, one, two] = worker.claim(3).await.try_into().unwrap();
    let part = [zero.cancelled(ids[0])];
    let rest: [Settlement; 2] = [one.cancelled(ids[1]), two.cancelled(ids[2])];
    for (settlements, left) in [(&part[..], &ids[1..]), (&rest[..], &[])] {
        for _ in 0..2 {
            worker.try_settle(settlements, None).await.unwrap();
            assert_eq!((cancelled(subject, &ids).await, subject.counts().await), (left.into(), [0, left.len(), 0, 0]));
        }
    }
}

pub async fn a_scheduled_task_can_be_cancelled(subject: &Subject) {
    let [task] = tasks::<1>();
    let id = task.id;
    let due = Due::In(Duration::from_millis(100));
    assert_eq!(subject.backend.schedule(&subject.queue, &[task], due).await.unwrap().len(), 1);
    cancel(subject, &[id]).await;
    assert_eq!(subject.counts().await, [0, 0, 1, 0]);
    while subject.promote().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let worker = subject.worker().await;
    let claimed = worker.try_claim(worker.next(1)).await.unwrap();
    assert!(claimed.any_cancelled && cancelled(subject, &[id]).await == [id]);
}

pub async fn a_cancelled_task_of_a_dead_worker_stays_cancelled(subject: &Subject) {
    let [id] = enqueued(subject).await;
    let dead = subject.doomed_worker().await;
    assert_eq!(dead.claim(1).await.len(), 1);
    cancel(subject, &[id]).await;
    assert_eq!(subject.expire_and_recover().await, 1);
    let worker = subject.worker().await;
    let task = worker.claim_one().await;
    assert_eq!(cancelled(subject, &[id]).await, [id]);
    worker.settle([task.cancelled(id)]).await;
    assert_eq!((cancelled(subject, &[id]).await, subject.counts().await), (vec![], [0, 0, 0, 0]));
}

pub async fn a_cancellation_is_of_one_queue(subject: &Subject) {
    let other = subject.other_queue("conformance");
    let [id] = enqueued(subject).await;
    cancel(&other, &[id]).await;
    assert_eq!(cancelled(subject, &[id]).await, []);
    let worker = subject.worker().await;
    assert!(!worker.try_claim(worker.next(1)).await.unwrap().any_cancelled);
}

pub async fn a_replay_takes_a_cancellation_back(subject: &Subject) {
    let ids = subject.bury(["1", "2", "3"]).await;
    cancel(subject, &ids).await;
    let which = Selection::Ids(vec![ids[0]]);
    assert_eq!(subject.backend.replay(&subject.queue, &which).await.unwrap(), 1);
    assert_eq!(cancelled(subject, &ids).await, ids[1..]);
    // What has no letter is not replayed, and so stays cancelled.
    let pending = TaskId::random();
    cancel(subject, &[pending, ids[0]]).await;
    let which = Selection::Ids(vec![pending, ids[0]]);
    assert_eq!(subject.backend.replay(&subject.queue, &which).await.unwrap(), 0);
    assert_eq!(cancelled(subject, &[pending, ids[0]]).await, [pending, ids[0]]);
    assert_eq!(subject.backend.replay(&subject.queue, &Selection::All).await.unwrap(), 2);
    assert_eq!(cancelled(subject, &ids).await, [ids[0]]);
    // It can die again, which leaves the mark to the next replay.
    let worker = subject.worker().await;
    worker.settle([worker.claim_one().await.dead(letter(ids[0], "1"))]).await;
    assert_eq!(subject.backend.replay(&subject.queue, &Selection::All).await.unwrap(), 1);
    assert_eq!(cancelled(subject, &ids).await, []);
}

pub async fn thousands_of_tasks_are_cancelled_in_one_call(subject: &Subject) {
    let ids: Vec<_> = (0..1_500).map(|_| TaskId::random()).collect();
    cancel(subject, &ids).await;
    assert_eq!(cancelled(subject, &ids).await, ids);
}

pub async fn cancelling_and_asking_for_nothing_is_fine(subject: &Subject) {
    cancel(subject, &[]).await;
    assert_eq!(cancelled(subject, &[]).await, []);
    let worker = subject.worker().await;
    assert!(!worker.try_claim(worker.next(1)).await.unwrap().any_cancelled);
}
