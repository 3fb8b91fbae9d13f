//! Tasks worked off by one worker process.

use std::time::{Duration, Instant};

use redis_ext::prelude::*;
use redis_ext_benches::{Bench, Contest, Job, Options, Outcome, Sample, Worker, in_time};
use redis_ext_tests::RedisServer;

use crate::peer::Peer;

/// About what the product does a second, which decides how many tasks a run has.
const EXPECTED: f64 = 400_000.0;

/// The pace of the pushes under load: one call each.
const TICK: Duration = Duration::from_millis(1);

pub(crate) fn backlog(options: &Options) -> Outcome {
    let drain = |adjust: fn(Worker) -> Worker| {
        move |time| {
            let bench = Bench::new();
            bench.drain(adjust(bench.worker()), in_time(time, EXPECTED))
        }
    };
    Contest::new("a backlog worked off by one process", "tasks")
        .contestant("64 closures at once", drain(|worker| worker))
        .contestant("512 closures at once", drain(|worker| Worker { concurrency: 512, ..worker }))
        .contestant("64 actors", drain(|worker| Worker { actor: true, ..worker }))
        .contestant("64 closures on two threads", drain(|worker| Worker { arbiters: 2, ..worker }))
        .hold(options)
}

pub(crate) fn beside_peers(peers: &[Peer], options: &Options) -> Outcome {
    let product = |time| {
        let bench = Bench::new();
        bench.drain(bench.worker(), in_time(time, EXPECTED))
    };
    let contest = Contest::new("a backlog worked off, beside other queues", "tasks").contestant("redis-ext", product);
    let beside = peers
        .iter()
        .fold(contest, |contest, peer| contest.contestant(&peer.name, |time| peer.drain(&RedisServer::start(), time)));
    beside.hold(options)
}

pub(crate) fn push_to_settle(options: &Options) -> Outcome {
    let flow = |callers, per_second: f64| {
        move |time| {
            let (bench, tasks) = (Bench::new(), in_time(time, per_second));
            let worker = bench.start(Worker { tasks: Some(tasks), ..bench.worker() });
            let producer = bench.producer(tasks, callers);
            let sample = worker.finish().expect("the worker ends");
            producer.finish().expect("the producer ends");
            sample
        }
    };
    Contest::new("from push to settle, producer and worker at once", "tasks")
        .contestant("enqueue_many", flow(0, EXPECTED / 2.0))
        .contestant("a hundred callers of enqueue", flow(100, EXPECTED / 4.0))
        .hold(options)
}

pub(crate) fn latency_under_load(options: &Options) -> Outcome {
    let paced = |per_second: u64| move |time| under_load(per_second, time);
    Contest::new("from enqueue to the handler under load", "tasks")
        .contestant("1,000 tasks/s", paced(1_000))
        .contestant("10,000 tasks/s", paced(10_000))
        .contestant("50,000 tasks/s", paced(50_000))
        .hold(options)
}

fn under_load(per_second: u64, time: Duration) -> Sample {
    let (bench, tasks) = (Bench::new(), in_time(time, per_second as f64));
    let worker = bench.start(Worker { latencies: true, tasks: Some(tasks), ..bench.worker() });
    bench.runtime.block_on(async {
        let (begun, mut sent) = (Instant::now(), 0);
        while sent < tasks {
            tokio::time::sleep(TICK).await;
            let due = in_time(begun.elapsed(), per_second as f64).min(tasks);
            let jobs = (sent..due).map(|_| Job::of(Job::SMALL));
            Job::enqueue_many(&bench.backend, jobs).await.expect("the server takes tasks");
            sent = due;
        }
    });
    worker.finish().expect("the worker ends")
}
