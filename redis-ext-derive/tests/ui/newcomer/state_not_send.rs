//! State that cannot leave its thread, in a closure that every thread of handlers gets.

use std::{cell::Cell, rc::Rc, sync::Arc};

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

fn work(backend: Arc<dyn Backend>) -> Result<redis_ext::Workers, redis_ext::Error> {
    let sent = Rc::new(Cell::new(0));
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), move |email: Task<Email>| {
            println!("{}", email.to);
            sent.set(sent.get() + 1);
            async { Ok(()) }
        })
        .start()
}

fn main() {}
