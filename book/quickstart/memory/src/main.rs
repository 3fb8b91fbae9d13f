use redis_ext::prelude::*;
use redis_ext_memory::MemoryBackend;

#[derive(Debug, RedisTask)]
#[redis_task(queue = "emails", max_attempts = 5, timeout = "30s")]
struct Email {
    to: String,
    subject: String,
}

async fn send(email: Task<Email>) -> Result<(), TaskError> {
    println!("to {}: {} (attempt {})", email.to, email.subject, email.attempt());
    if email.to.starts_with("bob") && email.attempt() == 1 {
        return Err(TaskError::new("the mail server is busy"));
    }
    Ok(())
}

#[actix::main]
async fn main() -> Result<(), redis_ext::Error> {
    let backend = MemoryBackend::new();
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler_fn(Concurrency::new(16), send) // up to sixteen at once
        .start()?;

    for to in ["ada@example.org", "bob@example.org"] {
        Email { to: to.into(), subject: "welcome".into() }.enqueue(&backend).await?;
    }
    workers.run_until_idle().await // until nothing is left, not even a retry
}
