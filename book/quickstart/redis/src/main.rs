use redis_ext::prelude::*;

#[derive(Debug, RedisTask)]
#[redis_task(queue = "emails", max_attempts = 5, timeout = "30s")]
struct Email {
    to: String,
    subject: String,
}

async fn send(email: Task<Email>) -> Result<(), TaskError> {
    println!("to {}: {} (attempt {})", email.to, email.subject, email.attempt());
    Ok(())
}

#[actix::main]
async fn main() -> Result<(), redis_ext::Error> {
    let url = std::env::var("REDIS_URL").unwrap_or("redis://127.0.0.1/".into());
    let backend = RedisBackend::connect(&url).await?;

    // Called with an address, it is the program that has something to send …
    if let Some(to) = std::env::args().nth(1) {
        let email = Email { to, subject: "welcome".into() }.enqueue(&backend).await?;
        println!("enqueued as {}", email.id());
        return Ok(());
    }

    // … and without one, the worker.
    let workers = WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(16), send).start()?;
    println!("waiting for emails");
    workers.run_until_signal().await // SIGINT or SIGTERM: drain, then return
}
