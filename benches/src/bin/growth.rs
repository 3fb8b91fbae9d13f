//! How throughput, latency and memory change with what grows: payloads, concurrency, the backlog, queues, processes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{io, num::NonZeroUsize, time::Duration};

use redis::{Client, cmd};
use redis_ext::{
    QueueName, TaskId,
    backend::{BatchId, Claim, Claimed, DeadLetter, DeathReason, Lease, MAX_BATCH, TaskBackend as _, WorkerId},
    prelude::*,
};
use redis_ext_benches::{Bench, Contest, Job, Options, Outcome, Player, Report, Role, Sample, Worker, in_time};

/// About what the product does a second, which decides how many tasks a run has.
const EXPECTED: f64 = 300_000.0;

/// A curve needs less than a contest to show where it bends.
const MOST_ROUNDS: usize = 3;

/// The most bytes that the backlog of a run has in all its payloads.
const MOST_BYTES: usize = 200_000_000;

/// How many tasks a second come while latencies are measured: about what leaves everything idle in between.
const PACE: f64 = 500.0;

fn main() -> io::Result<()> {
    Role::play_if_asked();
    let options = Options::parse();
    let rounds = options.rounds().min(MOST_ROUNDS);
    let options = options.with_rounds(rounds);
    let mut report = with_memory(Report::new("growth", options.clone()));
    report.add(payload(&options));
    report.add(payload_latency(&options));
    report.add(concurrency(&options));
    report.add(backlog(&options));
    report.add(queues(&options));
    report.add(processes(&options));
    report.finish()
}

fn payload(options: &Options) -> Outcome {
    let sizes = [100, 1_000, 10_000, 100_000, 1_000_000];
    let contest = Contest::new("throughput by payload", "tasks").over("bytes of a task's body");
    let contest = sizes.into_iter().fold(contest, |contest, bytes| {
        contest.contestant_at(bytes, move |time| {
            let bench = Bench::new();
            let tasks = in_time(time, EXPECTED).min((MOST_BYTES / bytes) as u64);
            bench.fill_queue(&Job::QUEUE, tasks, bytes);
            work(&bench, bench.worker(), tasks)
        })
    });
    contest.hold(options)
}

fn payload_latency(options: &Options) -> Outcome {
    let sizes = [100, 1_000, 10_000, 100_000, 1_000_000];
    let contest = Contest::new("idle pickup by payload", "tasks").over("bytes of a task's body");
    let contest = sizes.into_iter().fold(contest, |contest, bytes| {
        contest.contestant_at(bytes, move |time| {
            let (bench, tasks) = (Bench::new(), in_time(time, PACE));
            let worker = bench.start(Worker { latencies: true, tasks: Some(tasks), ..bench.worker() });
            bench.runtime.block_on(async {
                for _ in 0..tasks {
                    tokio::time::sleep(Duration::from_secs_f64(1.0 / PACE)).await;
                    Job::of(bytes).enqueue(&bench.backend).await.expect("the server takes the task");
                }
            });
            worker.finish().expect("the worker ends")
        })
    });
    contest.hold(options)
}

fn concurrency(options: &Options) -> Outcome {
    let contest = Contest::new("throughput by concurrency", "tasks").over("tasks at once");
    let contest = [1, 4, 16, 64, 256, 1_000].into_iter().fold(contest, |contest, concurrency| {
        contest.contestant_at(concurrency, move |time| {
            let bench = Bench::new();
            bench.drain(Worker { concurrency, ..bench.worker() }, in_time(time, EXPECTED))
        })
    });
    contest.hold(options)
}

fn backlog(options: &Options) -> Outcome {
    let sizes = if options.is_quick() { vec![1_000, 10_000] } else { vec![10_000, 100_000, 1_000_000, 5_000_000] };
    let contest = Contest::new("throughput by backlog", "tasks").over("tasks in the queue at first");
    let contest = sizes.into_iter().fold(contest, |contest, tasks| {
        contest.contestant_at(tasks, move |_| {
            let bench = Bench::new();
            bench.drain(bench.worker(), tasks as u64)
        })
    });
    // Five million take their time.
    contest.hold(&options.clone().with_rounds(2))
}

fn queues(options: &Options) -> Outcome {
    let contest = Contest::new("throughput by queues of one supervisor", "tasks").over("queues");
    let contest = [1, 4, 16, 64].into_iter().fold(contest, |contest, count| {
        contest.contestant_at(count, move |time| {
            let bench = Bench::new();
            let queues: Vec<_> = (0..count).map(|number| format!("bench-{number}")).collect();
            let tasks = in_time(time, EXPECTED);
            for queue in &queues {
                let queue = QueueName::new(queue).expect("it names a queue");
                bench.fill_queue(&queue, tasks / count as u64, Job::SMALL);
            }
            // As many at once in all.
            let concurrency = (64 / count).max(1);
            work(&bench, Worker { queues, concurrency, ..bench.worker() }, tasks)
        })
    });
    contest.hold(options)
}

fn processes(options: &Options) -> Outcome {
    let contest = Contest::new("throughput by worker processes", "tasks").over("processes");
    let contest = [1, 2, 4, 8].into_iter().fold(contest, |contest, count| {
        contest.contestant_at(count, move |time| {
            let (bench, tasks) = (Bench::new(), in_time(time, EXPECTED));
            bench.fill(tasks);
            let players: Vec<_> = (0..count).map(|_| bench.start(bench.worker())).collect();
            let samples = players.into_iter().filter_map(Player::finish);
            samples.reduce(Sample::beside).expect("the workers end")
        })
    });
    contest.hold(options)
}

/// Has the worker work off what is there.
fn work(bench: &Bench, worker: Worker, tasks: u64) -> Sample {
    bench.start(Worker { warm_up: tasks / 5, ..worker }).finish().expect("the worker ends")
}

/// Adds what a task takes of the server's memory, in each place where it may lie.
fn with_memory(report: Report) -> Report {
    /// Whole batches.
    const TASKS: usize = 100 * MAX_BATCH;
    let bench = Bench::new();
    let entry = Job::of(Job::SMALL).entry().entry;
    let empty = used_memory(&bench);
    let each = |used: u64| format!("{:.0} bytes", (used.saturating_sub(empty)) as f64 / TASKS as f64);

    bench.fill(TASKS as u64);
    let queued = each(used_memory(&bench));
    let lease = Lease { queue: Job::QUEUE, worker: WorkerId::random() };
    let max = NonZeroUsize::new(MAX_BATCH).expect("a batch has tasks");
    let claimed = bench.runtime.block_on(async {
        bench.backend.join(&lease, Duration::from_secs(600)).await.expect("the incarnation can join");
        let mut claimed = Vec::new();
        for batch in 1..=(TASKS / MAX_BATCH) as u64 {
            let claim = Claim { batch: BatchId(batch), max };
            claimed.push(bench.backend.claim(&lease, claim).await.expect("the tasks can be claimed").tasks);
        }
        claimed
    });
    let while_claimed = each(used_memory(&bench));
    bench.runtime.block_on(async {
        for tasks in claimed {
            let dead: Vec<_> = tasks.into_iter().map(bury).collect();
            bench.backend.settle(&lease, &dead, None).await.expect("the tasks can be settled");
        }
    });
    let dead = each(used_memory(&bench));
    report
        .fact("a task's entry in the queue", format!("{} bytes", entry.len()))
        .fact("memory of a queued task", queued)
        .fact("memory of a claimed task", while_claimed)
        .fact("memory of a dead letter", dead)
}

fn bury(task: Claimed) -> redis_ext::backend::Settlement {
    let errors = vec!["the mail server refused the connection".to_owned()];
    let letter = DeadLetter::new(TaskId::random(), DeathReason::AttemptsExhausted, errors, task.entry().to_vec());
    task.dead(letter)
}

fn used_memory(bench: &Bench) -> u64 {
    let info: String = bench.runtime.block_on(async {
        let client = Client::open(bench.server.url()).expect("the URL is one of Redis");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the server takes connections");
        cmd("INFO").arg("memory").query_async(&mut connection).await.expect("the server tells")
    });
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|bytes| bytes.trim().parse().ok()).expect("the server tells its memory")
}
