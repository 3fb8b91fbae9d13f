//! State that a closure borrows from the function that starts the workers.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    let sender = String::from("newsletter@example.org");
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), |email: Task<Email>| {
            println!("from {sender} to {}", email.to);
            async { Ok(()) }
        })
        .start()
}

fn main() {}
