//! A producer process: the ways into a queue that users have.

use std::{cell::Cell, iter};

use futures_util::future::join_all;
use redis_ext::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Job, Sample, Stopwatch};

/// How many tasks are enqueued with one call of `enqueue_many`: a few round trips.
const MANY: u64 = 4096;

/// Enqueues small tasks as fast as it can.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Producer {
    /// The server.
    pub url: String,
    /// The server's process.
    pub server: Option<u32>,
    /// How many tasks it enqueues.
    pub tasks: u64,
    /// How many callers do so, each awaiting its own `enqueue` before the next; with none, it is `enqueue_many`.
    pub callers: usize,
}

impl Producer {
    #[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
    pub(super) fn play(self) -> Sample {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        runtime.block_on(async {
            let backend = RedisBackend::connect(&self.url).await.expect("the server takes connections");
            let job = Job::of(Job::SMALL);
            let left = Cell::new(self.tasks);
            println!("ready");
            let watch = Stopwatch::beside(self.server);
            if self.callers == 0 {
                while left.get() > 0 {
                    let now = left.get().min(MANY);
                    let jobs = iter::repeat_n(&job, now as usize);
                    Job::enqueue_many(&backend, jobs).await.expect("the server takes tasks");
                    left.set(left.get() - now);
                }
            } else {
                join_all((0..self.callers).map(|_| async {
                    while left.get() > 0 {
                        left.set(left.get() - 1);
                        job.enqueue(&backend).await.expect("the server takes tasks");
                    }
                }))
                .await;
            }
            watch.stop(self.tasks)
        })
    }
}
