//! A closure that takes the payload instead of the task.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), |email: Email| async move { Ok(println!("{}", email.to)) })
        .start()
}

fn main() {}
