//! A struct that is no actor.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

struct Mailer;

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend).handler::<Email, _>(Concurrency::new(1), || Mailer).start()
}

fn main() {}
