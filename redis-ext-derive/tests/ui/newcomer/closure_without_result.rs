//! A closure that says nothing of how the attempt ended.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), |email: Task<Email>| async move { println!("{}", email.to) })
        .start()
}

fn main() {}
