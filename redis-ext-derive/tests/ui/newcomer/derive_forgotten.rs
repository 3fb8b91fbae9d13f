//! A struct that was not made a task.

use std::sync::Arc;

use redis_ext::prelude::*;

struct Email {
    to: String,
}

async fn greet(backend: Arc<dyn Backend>) -> Result<(), redis_ext::Error> {
    Email { to: "ada@example.org".into() }.enqueue(&backend).await?;
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler_fn(Concurrency::new(1), |email: Task<Email>| async move { Ok(println!("{}", email.to)) })
        .start()?;
    Queue::of::<Email>(&backend).pause().await?;
    workers.run_until_signal().await
}

fn main() {}
