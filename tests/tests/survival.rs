//! Workers that are ended, killed or left without a server: nothing is lost.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use redis_ext::{
    backend::{QueueStats, TaskBackend as _},
    prelude::*,
};
use redis_ext_tests::{Job, RedisServer, eventually};

/// A worker process and what it has done so far.
struct Worker {
    process: Child,
    done: Arc<Mutex<Vec<usize>>>,
    reader: JoinHandle<()>,
}

impl Worker {
    fn start(server: &RedisServer) -> Self {
        let mut process =
            Command::new(env!("CARGO_BIN_EXE_worker")).arg(server.url()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let done = Arc::<Mutex<Vec<usize>>>::default();
        let noting = Arc::clone(&done);
        let reader = std::thread::spawn(move || {
            for line in output.lines() {
                noting.lock().unwrap().push(line.unwrap().parse().unwrap());
            }
        });
        Self { process, done, reader }
    }

    fn count(&self) -> usize {
        self.done.lock().unwrap().len()
    }

    /// Sends a signal, waits for the end, and tells whether it was in good order and what was done.
    fn end(mut self, signal: &str) -> (bool, Vec<usize>) {
        let sent = Command::new("kill").arg(signal).arg(self.process.id().to_string()).status().unwrap();
        assert!(sent.success());
        let status = self.process.wait().unwrap();
        self.reader.join().unwrap();
        (status.success(), std::mem::take(&mut self.done.lock().unwrap()))
    }
}

async fn enqueue(backend: &RedisBackend, jobs: usize) {
    Job::enqueue_many(backend, (0..jobs).map(|number| Job { number })).await.unwrap();
}

async fn nothing_is_left(backend: &RedisBackend) -> bool {
    matches!(backend.inspect(&Job::QUEUE).await, Ok(QueueStats { ready: 0, claimed: 0, scheduled: 0, dead: 0, .. }))
}

fn sorted(mut numbers: Vec<usize>) -> Vec<usize> {
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_worker_ended_by_sigterm_under_load_leaves_nothing_claimed_and_repeats_nothing() {
    let server = RedisServer::start();
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        enqueue(&backend, 20_000).await;
        let first = Worker::start(&server);
        eventually("the worker is busy", || async { first.count() >= 1_000 }).await;
        let (in_order, mut done) = first.end("-TERM");
        assert!(in_order, "the process ends with success");

        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.ready), (0, 0, 20_000 - done.len()));

        let second = Worker::start(&server);
        eventually("the second worker has done the rest", || nothing_is_left(&backend)).await;
        done.extend(second.end("-TERM").1);
        assert_eq!(sorted(done), (0..20_000).collect::<Vec<_>>());
    });
}

#[test]
fn the_tasks_of_a_killed_worker_rerun_within_ten_seconds() {
    let server = RedisServer::start();
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        enqueue(&backend, 5_000).await;
        let (first, second) = (Worker::start(&server), Worker::start(&server));
        eventually("both workers are busy", || async { first.count() >= 200 && second.count() >= 200 }).await;
        let killed = Instant::now();
        let (_, mut done) = first.end("-KILL");
        eventually("the other worker has done everything", || nothing_is_left(&backend)).await;
        assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());

        done.extend(second.end("-TERM").1);
        let runs = done.len();
        let mut done = sorted(done);
        done.dedup();
        assert_eq!(done, (0..5_000).collect::<Vec<_>>(), "nothing is lost");
        // In flight at the kill: 32 running, and what was prefetched or finished within the last 20 ms.
        assert!(runs - done.len() <= 512, "{} tasks were run twice", runs - done.len());
        assert_eq!(backend.inspect(&Job::QUEUE).await.unwrap().workers, 0);
    });
}

#[test]
fn workers_go_on_when_redis_was_killed_and_comes_back() {
    let mut server = RedisServer::builder().durable().start();
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        enqueue(&backend, 5_000).await;
        let worker = Worker::start(&server);
        for busy in [500, 1_500] {
            eventually("the worker is busy", || async { worker.count() >= busy }).await;
            server.restart();
        }
        eventually("everything is done", || nothing_is_left(&backend)).await;
        let (in_order, done) = worker.end("-TERM");
        assert!(in_order);
        let mut done = sorted(done);
        done.dedup();
        assert_eq!(done, (0..5_000).collect::<Vec<_>>());
    });
}
