//! How soon a task that comes to rest is picked up: from the push to its handler, by a process that waits.

use std::time::Duration;

use redis::{Client, cmd};
use redis_ext::prelude::*;
use redis_ext_benches::{Bench, Contest, Job, Options, Outcome, Role, Sample, Waiter, Worker, in_time};

/// How long everything is still before each push.
const REST: Duration = Duration::from_millis(1);

/// About how many pushes a second that leaves room for.
const PER_SECOND: f64 = 600.0;

pub(crate) fn idle(options: &Options) -> Outcome {
    Contest::new("from a push to who waits in another process", "tasks")
        .contestant("RPUSH, and bare BLMOVE", bare)
        .contestant("enqueue, and a worker's handler", worker)
        .hold(options)
}

fn bare(time: Duration) -> Sample {
    let (bench, tasks) = (Bench::new(), in_time(time, PER_SECOND));
    let (url, server, list) = (bench.server.url(), bench.server.pid(), "list".to_owned());
    let mut waiter = Role::Waiter(Waiter { url: url.clone(), server, list: list.clone(), tasks }).cast();
    waiter.await_ready();
    bench.runtime.block_on(async {
        let client = Client::open(url).expect("the URL is one of Redis");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the server takes connections");
        for _ in 0..tasks {
            tokio::time::sleep(REST).await;
            let mut entry = Vec::new();
            Job::of(Job::SMALL).encode(&mut entry).expect("a job has a JSON form");
            cmd("RPUSH").arg(&list).arg(entry).exec_async(&mut connection).await.expect("the server takes the job");
        }
    });
    waiter.finish().expect("the waiter ends")
}

fn worker(time: Duration) -> Sample {
    let (bench, tasks) = (Bench::new(), in_time(time, PER_SECOND));
    let worker = bench.start(Worker { latencies: true, tasks: Some(tasks), ..bench.worker() });
    bench.runtime.block_on(async {
        for _ in 0..tasks {
            tokio::time::sleep(REST).await;
            Job::of(Job::SMALL).enqueue(&bench.backend).await.expect("the server takes the job");
        }
    });
    worker.finish().expect("the worker ends")
}
