//! What a task costs between the queue and its handler, without Redis.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{num::NonZeroUsize, time::Duration};

use actix::{Actor, Context, Handler, System};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redis_ext::{
    RedisTask as _, Task, TaskError,
    backend::{BatchId, Claim, Claimed, Lease, NewTask, TaskBackend as _, WorkerId},
};
use redis_ext_benches::Job;
use redis_ext_memory::MemoryBackend;

/// How many tasks a batch has.
const BATCH: usize = 256;

struct Noop;

impl Actor for Noop {
    type Context = Context<Self>;
}

impl Handler<Task<Job>> for Noop {
    type Result = Result<(), TaskError>;

    fn handle(&mut self, _: Task<Job>, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

/// A task as a message to an actor of the same thread, and its answer.
fn actor(criterion: &mut Criterion) {
    let system = System::new();
    let actor = system.block_on(async { Noop.start() });
    criterion.bench_function("a hop to an actor and back", |bencher| {
        bencher.iter(|| {
            let answer = system.block_on(actor.send(Task::new(Job::of(Job::SMALL))));
            answer.expect("the actor lives").expect("the task is done");
        });
    });
}

/// A batch enqueued, claimed and settled in memory.
fn memory(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime can be built");
    let backend = MemoryBackend::new();
    let lease = Lease { queue: Job::QUEUE, worker: WorkerId::random() };
    let tasks: Vec<NewTask> = (0..BATCH).map(|_| Job::of(Job::SMALL).entry()).collect();
    let mut claim = Claim { batch: BatchId(0), max: NonZeroUsize::new(BATCH).expect("a batch has tasks") };
    runtime.block_on(backend.join(&lease, Duration::from_secs(3600))).expect("the incarnation can join");

    let mut group = criterion.benchmark_group("memory");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("enqueue, claim and settle a batch", |bencher| {
        bencher.iter(|| {
            claim.batch.0 += 1;
            runtime.block_on(async {
                backend.enqueue(&lease.queue, &tasks).await.expect("the tasks are enqueued");
                let claimed = backend.claim(&lease, claim).await.expect("they can be claimed");
                let done: Vec<_> = claimed.tasks.into_iter().map(Claimed::done).collect();
                backend.settle(&lease, &done, None).await.expect("they can be settled");
            });
        });
    });
    group.finish();
}

criterion_group!(benches, actor, memory);
criterion_main!(benches);
