//! Worker processes, and the ledger in which they are all watched.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use redis_ext::{
    backend::{QueueStats, TaskBackend as _},
    prelude::*,
};
use redis_ext_tests::{Job, Ledger, RedisServer};

/// A worker process.
pub(crate) struct Worker {
    /// By which the ledger knows it.
    pub(crate) number: usize,
    process: Child,
    reader: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker that takes `work` for each job and does `at_once` of them at a time.
    pub(crate) fn start(server: &RedisServer, ledger: &Ledger, work: Duration, at_once: usize) -> Self {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBERS.fetch_add(1, Relaxed);
        let mut process = Command::new(env!("CARGO_BIN_EXE_worker"))
            .args([server.url(), work.as_millis().to_string(), at_once.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let ledger = ledger.clone();
        let reader = std::thread::spawn(move || {
            let mut running = HashMap::new();
            for line in output.lines() {
                let line = line.unwrap();
                match line.split_at(1) {
                    ("+", job) => _ = running.insert(job.to_owned(), ledger.begin(number, job.parse().unwrap())),
                    ("-", job) => ledger.end(running.remove(job).unwrap()),
                    _ => panic!("a worker printed {line:?}"),
                }
            }
        });
        Self { number, process, reader: Some(reader) }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal that ends the process, and waits for the end and for the last of its output.
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        let status = self.process.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        status
    }
}

/// A worker that nobody ended, as its test failed, must not outlive it.
impl Drop for Worker {
    fn drop(&mut self) {
        if self.reader.is_some() {
            let _already_gone = self.process.kill();
            let _already_gone = self.process.wait();
        }
    }
}

pub(crate) async fn enqueue(backend: &RedisBackend, jobs: usize) {
    Job::enqueue_many(backend, (0..jobs).map(|number| Job { number })).await.unwrap();
}

/// Whether no task is ready, claimed or scheduled.
pub(crate) async fn is_idle(backend: &RedisBackend) -> bool {
    matches!(backend.inspect(&Job::QUEUE).await, Ok(QueueStats { ready: 0, claimed: 0, scheduled: 0, .. }))
}

/// Waits for `condition` as long as things go on.
pub(crate) async fn in_time<F: Future<Output = bool>>(what: &str, limit: Duration, condition: impl Fn() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < limit, "still not so after {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
