//! An actor that handles the payload instead of the task.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

struct Mailer;

impl Actor for Mailer {
    type Context = Context<Self>;
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend).handler::<Email, _>(Concurrency::new(1), || Mailer).start()
}

fn main() {}
