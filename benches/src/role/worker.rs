//! A worker process: the product as its users run it, with handlers that do nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis_ext::{HandlerOptions, QueueName, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{Job, Latencies, Sample, Stopwatch};

/// How often the worker's counter is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Works jobs off until nothing is left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Worker {
    /// The server.
    pub url: String,
    /// The server's process.
    pub server: Option<u32>,
    /// The queues.
    pub queues: Vec<String>,
    /// How many jobs of each queue it runs at once.
    pub concurrency: usize,
    /// How many threads its handlers are spread over; 0 is the supervisor's own.
    pub arbiters: usize,
    /// Whether an actor handles the jobs, or a closure.
    pub actor: bool,
    /// Whether the time from sending to handling is measured.
    pub latencies: bool,
    /// The measurement begins after so many jobs,
    pub warm_up: u64,
    /// and ends when so many were handled, or, if that is not told, when the queues are empty. What was handled then is
    /// settled, too.
    pub tasks: Option<u64>,
}

/// What the handlers count.
#[derive(Default)]
struct Tally {
    handled: AtomicU64,
    latencies: Option<Mutex<Latencies>>,
}

impl Tally {
    fn note(&self, job: &Job) {
        self.handled.fetch_add(1, Relaxed);
        if let Some(latencies) = &self.latencies {
            latencies.lock().unwrap_or_else(PoisonError::into_inner).record(job.age());
        }
    }
}

struct Noop(Arc<Tally>);

impl Actor for Noop {
    type Context = Context<Self>;
}

impl Handler<Task<Job>> for Noop {
    type Result = Result<(), TaskError>;

    fn handle(&mut self, job: Task<Job>, _: &mut Self::Context) -> Self::Result {
        self.0.note(&job);
        Ok(())
    }
}

impl Worker {
    /// One that runs 64 closures at once on one queue until it is empty.
    #[must_use]
    pub fn new(url: String, server: Option<u32>) -> Self {
        let queues = vec![Job::QUEUE.to_string()];
        Self {
            url,
            server,
            queues,
            concurrency: 64,
            arbiters: 0,
            actor: false,
            latencies: false,
            warm_up: 0,
            tasks: None,
        }
    }

    #[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
    pub(super) fn play(self) -> Sample {
        actix::System::new().block_on(async {
            let backend = RedisBackend::connect(&self.url).await.expect("the server takes connections");
            let latencies = self.latencies.then(Mutex::default);
            let tally = Arc::new(Tally { handled: AtomicU64::new(0), latencies });
            let queues: Vec<_> =
                self.queues.iter().map(|name| QueueName::new(name).expect("it names a queue")).collect();
            let mut builder = WorkerSupervisor::builder(backend.clone()).arbiters(self.arbiters);
            for queue in &queues {
                let options = HandlerOptions::new(self.concurrency).queue(queue.clone());
                let tally = Arc::clone(&tally);
                builder = if self.actor {
                    builder.handler::<Job, _>(options, move || Noop(Arc::clone(&tally)))
                } else {
                    builder.handler_fn(options, move |job: Task<Job>| {
                        tally.note(&job);
                        async { Ok(()) }
                    })
                };
            }
            let workers = builder.start().expect("the workers can be started");
            println!("ready");
            let sample = self.measure(&backend, &queues, &tally).await;
            workers.shutdown().await.expect("no handler has failed");
            let latencies =
                tally.latencies.as_ref().map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone());
            Sample { latencies, ..sample }
        })
    }

    async fn measure(&self, backend: &RedisBackend, queues: &[QueueName], tally: &Tally) -> Sample {
        let handled = || tally.handled.load(Relaxed);
        while handled() < self.warm_up {
            sleep(LOOK_EVERY).await;
        }
        let (before, watch) = (handled(), Stopwatch::beside(self.server));
        let mut seen = before;
        loop {
            sleep(LOOK_EVERY).await;
            let now = handled();
            let at_rest = now == seen && self.tasks.is_none_or(|tasks| now >= tasks);
            seen = now;
            if at_rest && are_empty(backend, queues).await {
                return watch.stop(now - before);
            }
        }
    }
}

/// Whether nothing is ready in the queues, and nothing claimed that is not settled.
#[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
async fn are_empty(backend: &RedisBackend, queues: &[QueueName]) -> bool {
    for queue in queues {
        let stats = Queue::named(backend, queue.clone()).stats().await.expect("the queue can be looked at");
        if stats.ready + stats.claimed > 0 {
            return false;
        }
    }
    true
}
