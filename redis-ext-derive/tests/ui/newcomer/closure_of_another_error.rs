//! A handler with an error of its own in its result.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

async fn send(email: Task<Email>) -> Result<(), std::io::Error> {
    std::fs::write("outbox", &email.to)
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(1), send).start()
}

fn main() {}
