//! A closure that is not async.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), |email: Task<Email>| Ok(println!("{}", email.to)))
        .start()
}

fn main() {}
