//! The README's first program on the memory backend.

use redis_ext::prelude::*;
use redis_ext_memory::MemoryBackend;

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
    let backend = MemoryBackend::new();
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler::<Email, _>(Concurrency::new(16), || Mailer) // an actor factory
        .start()?;
    Email { to: "a@example.org".into(), subject: "hi".into() }.enqueue(&backend).await?;
    workers.run_until_signal().await // SIGINT/SIGTERM: drain, then return
}
