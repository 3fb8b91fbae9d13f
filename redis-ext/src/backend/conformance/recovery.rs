//! What happens to the tasks of workers that died.

use std::time::Duration;

use super::{
    Subject, Worker,
    subject::{LONG, SHORT, envelope, letter, odd_entries, task},
};
use crate::{
    BackendErrorKind, TaskId, Timestamp,
    backend::{Claimed, DeathReason, NewTask, Recovered, Recovery, UniqueLock},
    task::Envelope,
};

pub async fn a_living_worker_is_left_alone(subject: &Subject) {
    subject.push([1]).await;
    let worker = subject.worker().await;
    let task = worker.claim_one().await;
    assert_eq!(subject.recover().await, Recovered::default());
    worker.settle([task.done()]).await;
}

/// As after an outage of the store, or a jump of its clock.
pub async fn when_nobody_has_watched_for_long_the_living_renew_before_anyone_is_recovered(subject: &Subject) {
    subject.push([1, 2]).await;
    let (living, dead) = (subject.doomed_worker().await, subject.doomed_worker().await);
    let kept = living.claim_one().await;
    assert_eq!(dead.claim(1).await.len(), 1);
    subject.expire().await;
    assert_eq!(subject.recover_with(SHORT).await, Recovered::default(), "both leases have expired");
    living.renew(LONG).await.unwrap();
    let mut recovered = 0;
    for _ in 0..200 {
        tokio::time::sleep(SHORT / 5).await;
        recovered += subject.recover_with(SHORT).await.requeued;
        if recovered > 0 {
            break;
        }
    }
    assert_eq!(recovered, 1, "the dead one's");
    living.settle([kept.done()]).await;
    assert_eq!(subject.drain_numbers().await, [2]);
}

pub async fn tasks_of_a_dead_worker_return_to_the_head_in_order(subject: &Subject) {
    subject.push(0..8).await;
    let worker = subject.doomed_worker().await;
    for size in [3, 1, 2] {
        assert_eq!(worker.claim(size).await.len(), size);
    }
    assert_eq!(subject.expire_and_recover().await, 6);
    assert_eq!(subject.counts().await, [8, 0, 0, 0]);
    assert_eq!(subject.drain_numbers().await, [0, 1, 2, 3, 4, 5, 6, 7]);
}

pub async fn recovery_counts_an_attempt_and_a_crash(subject: &Subject) {
    let id = TaskId::random();
    let task = NewTask::new(envelope(id, r#"{"a": [1]}"#).next_attempt().to_entry()).with_id(id);
    assert_eq!(subject.backend.enqueue(&subject.queue, &[task]).await.unwrap().len(), 1);
    for crashes in 1..=2 {
        let worker = subject.doomed_worker().await;
        assert_eq!(worker.claim(1).await.len(), 1);
        assert_eq!(subject.expire_and_recover().await, 1);
        let (reader, mut attempts) = (subject.worker().await, Vec::new());
        for task in reader.claim(5).await {
            let envelope = Envelope::parse(task.entry()).unwrap();
            assert_eq!((envelope.id, envelope.payload()), (id, &br#"{"a": [1]}"#[..]));
            assert_eq!(envelope.enqueued_at, Some(Timestamp::from_millis(7)));
            attempts.push((envelope.attempt, envelope.crashes));
        }
        assert_eq!(attempts, [(crashes + 1, crashes)]);
        reader.leave().await;
    }
}

pub async fn a_bare_task_gets_an_envelope_when_it_is_recovered(subject: &Subject) {
    subject.push([1]).await;
    assert_eq!(subject.doomed_worker().await.claim(1).await.len(), 1);
    assert_eq!(subject.expire_and_recover().await, 1);
    let [entry] = subject.drain().await.try_into().unwrap();
    let envelope = Envelope::parse(&entry).unwrap();
    assert!(!envelope.is_bare());
    assert_eq!((envelope.payload(), envelope.attempt, envelope.crashes), (&b"1"[..], 1, 1));
}

pub async fn entries_that_cannot_hold_a_count_are_recovered_unchanged(subject: &Subject) {
    let mut odd = odd_entries();
    odd.retain(|entry| Envelope::parse(entry).map_or(true, |bare| bare.after_crash().to_entry() == *entry));
    assert!(odd.len() > 3, "the case has something to check");
    let tasks: Vec<_> = odd.iter().cloned().map(NewTask::new).collect();
    assert_eq!(subject.backend.enqueue(&subject.queue, &tasks).await.unwrap().len(), odd.len());
    assert_eq!(subject.doomed_worker().await.claim(odd.len()).await.len(), odd.len());
    assert_eq!(subject.expire_and_recover().await, odd.len());
    assert_eq!(subject.drain().await, odd);
}

pub async fn only_unsettled_tasks_are_recovered(subject: &Subject) {
    subject.push(0..6).await;
    let worker = subject.doomed_worker().await;
    let [zero, _one, two, three, four, _five] = worker.claim(6).await.try_into().unwrap();
    let id = TaskId::random();
    worker.settle([zero.done(), two.retry(id, b"2".to_vec(), Duration::from_secs(60))]).await;
    worker.settle([three.dead(letter(id, "3")), four.release()]).await;
    assert_eq!(subject.expire_and_recover().await, 2);
    assert_eq!(subject.counts().await, [3, 0, 1, 1]);
    assert_eq!(subject.drain_numbers().await, [1, 5, 4]);
}

pub async fn several_dead_workers_are_recovered(subject: &Subject) {
    subject.push(0..30).await;
    let survivor = subject.worker().await;
    let kept = survivor.claim(5).await;
    for _ in 0..4 {
        assert_eq!(subject.doomed_worker().await.claim(5).await.len(), 5);
    }
    assert_eq!(subject.stats().await.workers, 5);
    subject.expire().await;
    let mut requeued = 0;
    loop {
        let recovered = subject.recover().await;
        requeued += recovered.requeued;
        if !recovered.more {
            break;
        }
    }
    assert_eq!((requeued, subject.stats().await.workers), (20, 1));
    let mut rest = subject.drain_numbers().await;
    rest.sort_unstable();
    assert_eq!(rest, (5..30).collect::<Vec<_>>());
    survivor.settle(kept.into_iter().map(Claimed::done)).await;
}

pub async fn a_worker_that_died_with_nothing_is_forgotten(subject: &Subject) {
    let worker = subject.doomed_worker().await;
    assert_eq!(subject.stats().await.workers, 1);
    assert_eq!(subject.expire_and_recover().await, 0);
    assert_eq!(subject.stats().await.workers, 0);
    assert_eq!(worker.renew(LONG).await.unwrap_err().kind(), BackendErrorKind::LeaseLost);
}

/// Lets `deaths` workers die one after the other with the queue's first task; gives what the last recovery did.
async fn kill_workers(subject: &Subject, deaths: u32) -> Recovered {
    let mut recovered = Recovered::default();
    for _ in 0..deaths {
        assert_eq!(subject.doomed_worker().await.claim(1).await.len(), 1);
        subject.expire().await;
        recovered = subject.recover().await;
    }
    recovered
}

pub async fn poison_goes_to_the_dead_letters(subject: &Subject) {
    let id = TaskId::random();
    let entry = envelope(id, "13").to_entry();
    let tasks = [NewTask::new(entry.clone()).with_id(id), task(2)];
    assert_eq!(subject.backend.enqueue(&subject.queue, &tasks).await.unwrap().len(), 2);
    let recovered = kill_workers(subject, Recovery::DEFAULT_POISON_AFTER).await;
    assert_eq!((recovered.requeued, recovered.buried), (0, 1));
    assert_eq!(subject.counts().await, [1, 0, 0, 1]);

    let [letter] = subject.dead().await.try_into().unwrap();
    assert_eq!((letter.id, letter.reason, letter.attempts), (id, DeathReason::Poison, Recovery::DEFAULT_POISON_AFTER));
    assert_eq!((letter.enqueued_at, letter.errors.len()), (Some(Timestamp::from_millis(7)), 1));
    assert_eq!(letter.entry, entry, "a replay begins from the start");
}

pub async fn poison_releases_its_unique_lock(subject: &Subject) {
    let id = TaskId::random();
    let mut poison = envelope(id, "13");
    poison.unique = Some("digest".into());
    let lock = UniqueLock { digest: "digest".to_owned(), ttl: Duration::from_secs(600) };
    let task = NewTask::new(poison.to_entry()).with_id(id).unique(lock.clone());
    assert_eq!(subject.backend.enqueue(&subject.queue, &[task]).await.unwrap().len(), 1);
    let again = [NewTask::new("13").unique(lock)];
    let recovered = kill_workers(subject, Recovery::DEFAULT_POISON_AFTER - 1).await;
    assert_eq!((recovered.requeued, recovered.buried), (1, 0));
    assert!(subject.backend.enqueue(&subject.queue, &again).await.unwrap()[0].is_duplicate());
    assert_eq!(kill_workers(subject, 1).await.buried, 1);
    assert!(!subject.backend.enqueue(&subject.queue, &again).await.unwrap()[0].is_duplicate());
}

/// Many more tasks and batches than one call of `recover` may take on.
const MANY_BATCHES: u64 = 20;
const MANY_TASKS: u64 = 100 * MANY_BATCHES;

async fn doomed_worker_with_many_tasks(subject: &Subject) -> (Worker, Vec<Claimed>) {
    subject.push(0..MANY_TASKS + 10).await;
    let (worker, mut tasks) = (subject.doomed_worker().await, Vec::new());
    for _ in 0..MANY_BATCHES {
        tasks.extend(worker.claim((MANY_TASKS / MANY_BATCHES) as usize).await);
    }
    assert_eq!(tasks.len(), MANY_TASKS as usize);
    subject.expire().await;
    (worker, tasks)
}

pub async fn thousands_of_tasks_are_recovered_in_bounded_steps(subject: &Subject) {
    doomed_worker_with_many_tasks(subject).await;
    let mut steps = vec![subject.recover().await];
    while steps[steps.len() - 1].more {
        assert!(steps[steps.len() - 1].requeued > 0, "a step that leaves some has done something: {steps:?}");
        steps.push(subject.recover().await);
    }
    assert!(steps.len() > 1, "one call took on everything: {steps:?}");
    assert_eq!(steps.iter().map(|step| step.requeued).sum::<usize>(), MANY_TASKS as usize);
    assert_eq!(subject.drain_numbers().await, (0..MANY_TASKS + 10).collect::<Vec<_>>());
}

pub async fn a_recovery_that_has_begun_ends_the_lease(subject: &Subject) {
    let (worker, mut tasks) = doomed_worker_with_many_tasks(subject).await;
    assert!(subject.recover().await.more);
    assert_eq!(worker.renew(LONG).await.unwrap_err().kind(), BackendErrorKind::LeaseLost);
    assert_eq!(worker.join(LONG).await.unwrap_err().kind(), BackendErrorKind::LeaseLost);
    let first_and_last = [tasks.remove(0).done(), tasks.pop().unwrap().done()];
    let lost = worker.try_settle(&first_and_last, None).await.unwrap_err();
    assert_eq!(lost.kind(), BackendErrorKind::LeaseLost);
    while subject.recover().await.more {}
    assert_eq!(subject.counts().await, [MANY_TASKS as usize + 10, 0, 0, 0]);
}
