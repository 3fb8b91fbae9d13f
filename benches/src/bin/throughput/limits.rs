//! The scripts of the worker driven bare: tasks are claimed and settled, and nothing is run in between.

use std::{cell::Cell, num::NonZeroUsize, time::Duration};

use futures_util::future::join_all;
use redis_ext::{
    backend::{BatchId, Claim, Claimed, Lease, TaskBackend as _, WorkerId},
    prelude::*,
};
use redis_ext_benches::{Bench, Contest, Job, Options, Outcome, Sample, Stopwatch, in_time};

/// How many incarnations do so at once, so that the server is never idle.
const INCARNATIONS: usize = 4;

/// About what they do a second, which decides how many tasks a run has.
const EXPECTED: f64 = 800_000.0;

const TTL: Duration = Duration::from_secs(60);

pub(crate) fn exchange(options: &Options) -> Outcome {
    Contest::new("claim and settle, running nothing", "tasks")
        .contestant("batches of 64", |time| exchanges(64, time))
        .contestant("batches of 256", |time| exchanges(256, time))
        .contestant("batches of 512", |time| exchanges(512, time))
        .hold(options)
}

fn exchanges(batch: usize, time: Duration) -> Sample {
    let (bench, tasks) = (Bench::new(), in_time(time, EXPECTED));
    bench.fill(tasks);
    let max = NonZeroUsize::new(batch).expect("a batch has tasks");
    let watch = Stopwatch::start(&bench.server);
    let settled = Cell::new(0);
    bench.runtime.block_on(join_all((0..INCARNATIONS).map(|_| async {
        let lease = Lease { queue: Job::QUEUE, worker: WorkerId::random() };
        bench.backend.join(&lease, TTL).await.expect("the incarnation can join");
        let mut claim = Claim { batch: BatchId(1), max };
        let mut claimed = bench.backend.claim(&lease, claim).await.expect("the tasks can be claimed");
        while !claimed.tasks.is_empty() {
            settled.set(settled.get() + claimed.tasks.len() as u64);
            let done: Vec<_> = claimed.tasks.into_iter().map(Claimed::done).collect();
            claim.batch.0 += 1;
            claimed = bench.backend.settle(&lease, &done, Some(claim)).await.expect("the tasks can be settled");
        }
    })));
    watch.stop(settled.get())
}
