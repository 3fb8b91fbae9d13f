//! A fresh server for a run, and the producer's side of it.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::time::Duration;

use redis_ext::{
    QueueName,
    backend::{MAX_BATCH, TaskBackend as _},
    prelude::*,
};
use redis_ext_tests::RedisServer;
use tokio::runtime::Runtime;

use crate::{Job, Player, Producer, Role, Sample, Worker};

/// About how many bytes are enqueued with one call.
const CHUNK_BYTES: usize = 4_000_000;

/// A server, and a thread of this process to produce from.
#[derive(Debug)]
pub struct Bench {
    /// The server.
    pub server: RedisServer,
    /// Where this process waits for its calls.
    pub runtime: Runtime,
    /// The way to the server.
    pub backend: RedisBackend,
}

impl Bench {
    /// Starts a server.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a server is not a default value")]
    pub fn new() -> Self {
        let server = RedisServer::start();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        let backend = runtime.block_on(RedisBackend::connect(&server.url())).expect("the server takes connections");
        Self { server, runtime, backend }
    }

    /// A worker for this server.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.server.url(), self.server.pid())
    }

    /// Starts a process that enqueues so many small tasks, by this many callers or with `enqueue_many`.
    #[must_use]
    pub fn producer(&self, tasks: u64, callers: usize) -> Player {
        Role::Producer(Producer { url: self.server.url(), server: self.server.pid(), tasks, callers }).cast()
    }

    /// Starts the worker's process, which is ready then.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn start(&self, worker: Worker) -> Player {
        let mut player = Role::Worker(worker).cast();
        player.await_ready();
        player
    }

    /// Enqueues so many small tasks as fast as possible.
    ///
    /// # Panics
    /// When the server does not take them.
    pub fn fill(&self, tasks: u64) {
        self.fill_queue(&Job::QUEUE, tasks, Job::SMALL);
    }

    /// Enqueues so many tasks with bodies of so many bytes.
    ///
    /// # Panics
    /// When the server does not take them.
    pub fn fill_queue(&self, queue: &QueueName, tasks: u64, body_bytes: usize) {
        let job = Job::of(body_bytes);
        // Large tasks travel in smaller groups: a call is not to last longer than its patience.
        let chunk = (CHUNK_BYTES / body_bytes.max(1)).clamp(1, MAX_BATCH);
        let mut left = usize::try_from(tasks).expect("so many tasks fit into memory");
        self.runtime.block_on(async {
            while left > 0 {
                let now = left.min(chunk);
                let new: Vec<_> = (0..now).map(|_| job.entry()).collect();
                self.backend.enqueue(queue, &new).await.expect("the server takes tasks");
                left -= now;
            }
        });
    }

    /// Has a backlog of so many small tasks worked off by the worker, whose warm-up is a fifth of them.
    ///
    /// # Panics
    /// When the worker fails.
    #[must_use]
    pub fn drain(&self, worker: Worker, tasks: u64) -> Sample {
        self.fill(tasks);
        self.start(Worker { warm_up: tasks / 5, ..worker }).finish().expect("the worker ends")
    }
}

/// How many operations at so many a second take `time`; at least 1.
#[must_use]
pub fn in_time(time: Duration, per_second: f64) -> u64 {
    (time.as_secs_f64() * per_second).max(1.0) as u64
}
