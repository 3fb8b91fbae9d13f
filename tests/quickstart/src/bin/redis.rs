//! The README's first program, to the letter; the tests check that.

use redis_ext::prelude::*;

#[derive(Debug, RedisTask)]
#[redis_task(queue = "emails", max_attempts = 5, timeout = "30s")]
struct Email {
    to: String,
    subject: String,
}

struct Mailer;
impl Actor for Mailer {
    type Context = Context<Self>;
}
impl Handler<Task<Email>> for Mailer {
    type Result = ResponseFuture<Result<(), TaskError>>;
    fn handle(&mut self, task: Task<Email>, _: &mut Context<Self>) -> Self::Result {
        Box::pin(async move {
            println!("to {}: {} (attempt {})", task.to, task.subject, task.attempt());
            Ok(())
        })
    }
}

#[actix::main]
async fn main() -> Result<(), redis_ext::Error> {
    let backend = RedisBackend::connect("redis://127.0.0.1/").await?; // or MemoryBackend::new()
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler::<Email, _>(Concurrency::new(16), || Mailer) // an actor factory
        .start()?;
    Email { to: "a@example.org".into(), subject: "hi".into() }.enqueue(&backend).await?;
    workers.run_until_signal().await // SIGINT/SIGTERM: drain, then return
}
