//! The way into a queue, from a process of its own.

use std::time::Duration;

use redis::{Client, cmd};
use redis_ext_benches::{Bench, Contest, Job, Options, Outcome, Sample, Stopwatch, in_time};

/// About what a single caller, a hundred of them, and `enqueue_many` do a second, which decides how many tasks a run has.
const EXPECTED: [f64; 3] = [15_000.0, 200_000.0, 1_000_000.0];

pub(crate) fn enqueueing(options: &Options) -> Outcome {
    let [singly, by_a_hundred, many] = EXPECTED;
    let enqueue = |callers, per_second| {
        move |time| {
            let bench = Bench::new();
            bench.producer(in_time(time, per_second), callers).finish().expect("the producer ends")
        }
    };
    Contest::new("enqueueing", "tasks")
        .contestant("bare RPUSH, awaiting each", bare)
        .contestant("enqueue, awaiting each", enqueue(1, singly))
        .contestant("enqueue by a hundred callers", enqueue(100, by_a_hundred))
        .contestant("enqueue_many", enqueue(0, many))
        .hold(options)
}

fn bare(time: Duration) -> Sample {
    let bench = Bench::new();
    let entry = Job::of(Job::SMALL).entry().entry;
    bench.runtime.block_on(async {
        let client = Client::open(bench.server.url()).expect("the URL is one of Redis");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the server takes connections");
        let watch = Stopwatch::start(&bench.server);
        let mut pushed = 0;
        while watch.elapsed() < time {
            cmd("RPUSH").arg("list").arg(&entry).exec_async(&mut connection).await.expect("the server takes the item");
            pushed += 1;
        }
        watch.stop(pushed)
    })
}
