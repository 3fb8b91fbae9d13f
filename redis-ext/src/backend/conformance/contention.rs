//! Many workers and producers at the same time.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;

use super::{
    Subject, Worker, numbers,
    subject::{letter, task},
};
use crate::{
    TaskId,
    backend::{Claimed, Due, QueueStats},
};

const WORKERS: usize = 8;
const TASKS: u64 = 5_000;

/// Works until `patience` goes by without a task, waiting only when settling gives nothing; says what it saw.
async fn work(worker: &Worker, batch: usize, patience: Duration) -> Vec<u64> {
    let (mut seen, mut tasks) = (Vec::new(), Vec::new());
    loop {
        if tasks.is_empty() {
            tasks = worker.wait(batch, patience).await;
            if tasks.is_empty() {
                return seen;
            }
        }
        seen.extend(numbers(&tasks));
        let settlements: Vec<_> = tasks.into_iter().map(Claimed::done).collect();
        tasks = worker.try_settle(&settlements, Some(worker.next(batch))).await.unwrap().tasks;
    }
}

fn assert_each_once(seen: Vec<Vec<u64>>) {
    let mut seen = seen.concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..TASKS).collect::<Vec<_>>());
}

async fn workers(subject: &Subject) -> Vec<Worker> {
    join_all((0..WORKERS).map(|_| subject.worker())).await
}

pub async fn many_workers_get_each_of_many_tasks_once(subject: &Subject) {
    subject.push(0..TASKS).await;
    let workers = workers(subject).await;
    let sizes = [1, 7, 16, 64, 100, 200, 300, 512];
    let work = workers.iter().zip(sizes).map(|(worker, size)| work(worker, size, Duration::from_millis(100)));
    assert_each_once(join_all(work).await);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn many_waiting_workers_get_each_of_many_tasks_once(subject: &Subject) {
    let workers = workers(subject).await;
    let work = join_all(workers.iter().map(|worker| work(worker, 16, Duration::from_secs(2))));
    let push = async {
        for first in (0..TASKS).step_by(100) {
            subject.push(first..first + 100).await;
            tokio::task::yield_now().await;
        }
    };
    let (seen, ()) = tokio::join!(work, push);
    assert_each_once(seen);
    assert_eq!(subject.counts().await, [0, 0, 0, 0]);
}

pub async fn tasks_of_one_producer_keep_their_order_among_others(subject: &Subject) {
    const EACH: u64 = 200;
    let produce = |producer: u64| async move {
        for number in (producer * EACH..(producer + 1) * EACH).step_by(4) {
            subject.push(number..number + 4).await;
        }
    };
    join_all((0..WORKERS as u64).map(produce)).await;
    let mut all = subject.drain_numbers().await;
    // A stable sort by producer keeps the order within each.
    all.sort_by_key(|number| number / EACH);
    assert_eq!(all, (0..WORKERS as u64 * EACH).collect::<Vec<_>>());
}

pub async fn settling_from_many_workers_at_once_loses_nothing(subject: &Subject) {
    subject.push(0..1_600).await;
    let workers = workers(subject).await;
    let settle = async |worker: &Worker| {
        for (index, task) in worker.claim(200).await.into_iter().enumerate() {
            let (id, entry) = (TaskId::random(), task.entry().to_vec());
            let settlement = match index % 4 {
                0 => task.done(),
                1 => task.retry(id, entry, Duration::from_secs(600)),
                2 => task.dead(letter(id, entry)),
                _ => task.release(),
            };
            worker.settle([settlement]).await;
        }
    };
    join_all(workers.iter().map(settle)).await;
    assert_eq!(subject.counts().await, [400, 0, 400, 400]);
}

pub async fn promoting_from_many_workers_at_once_moves_each_task_once(subject: &Subject) {
    let tasks: Vec<_> = (0..512).map(task).collect();
    assert_eq!(subject.backend.schedule(&subject.queue, &tasks, Due::In(Duration::ZERO)).await.unwrap().len(), 512);
    let promote = || async { subject.backend.promote(&subject.queue, 100).await.unwrap().moved };
    let moved: usize = join_all((0..WORKERS).map(|_| promote())).await.into_iter().sum();
    assert_eq!((moved, subject.counts().await), (512, [512, 0, 0, 0]));
}

pub async fn recovering_from_many_workers_at_once_returns_each_task_once(subject: &Subject) {
    subject.push(0..600).await;
    for _ in 0..6 {
        let dead = subject.doomed_worker().await;
        assert_eq!(dead.claim(50).await.len() + dead.claim(50).await.len(), 100);
    }
    subject.expire().await;
    let recover = || async { while subject.recover().await.more {} };
    join_all((0..WORKERS).map(|_| recover())).await;
    // One of them may have seen nothing left while another was still at it.
    recover().await;
    let mut numbers = subject.drain_numbers().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}

pub async fn inspect_sees_every_task_once_while_all_of_them_move(subject: &Subject) {
    const LOOKS: usize = 300;
    const PRESENT: usize = 300;
    subject.push(0..PRESENT as u64).await;
    let workers = workers(subject).await;
    let over = AtomicBool::new(false);
    let again = |task: Claimed| {
        let entry = task.entry().to_vec();
        task.retry(TaskId::random(), entry, Duration::ZERO)
    };
    let churn = async |worker: &Worker| {
        while !over.load(Relaxed) {
            let mut first = worker.claim(16).await;
            let second = first.split_off(first.len() / 2);
            worker.settle(first.into_iter().map(again)).await;
            worker.settle(second.into_iter().map(again)).await;
            tokio::task::yield_now().await;
        }
    };
    let promote = async {
        while !over.load(Relaxed) {
            subject.promote().await;
            tokio::task::yield_now().await;
        }
    };
    let look = async {
        for _ in 0..LOOKS {
            let QueueStats { ready, claimed, scheduled, .. } = subject.stats().await;
            assert_eq!(ready + claimed + scheduled, PRESENT, "{ready} ready, {claimed} claimed, {scheduled} scheduled");
            tokio::task::yield_now().await;
        }
        over.store(true, Relaxed);
    };
    tokio::join!(join_all(workers.iter().map(churn)), promote, look);
}
