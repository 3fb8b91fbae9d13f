//! A URL where a backend belongs, and a reference where the backend itself does.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

async fn greet(backend: Arc<dyn Backend>) -> Result<(), redis_ext::Error> {
    Email { to: "ada@example.org".into() }.enqueue("redis://127.0.0.1/").await?;
    WorkerSupervisor::builder(&backend)
        .handler_fn(Concurrency::new(1), |email: Task<Email>| async move { Ok(println!("{}", email.to)) })
        .start()?;
    Ok(())
}

fn main() {}
