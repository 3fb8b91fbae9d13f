//! State that the future of one call takes away from the next.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    let sender = String::from("newsletter@example.org");
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), move |email: Task<Email>| async move {
            println!("from {sender} to {}", email.to);
            Ok(())
        })
        .start()
}

fn main() {}
