//! What the first example needs: `use redis_ext::prelude::*;`.

pub use actix::{Actor, Context, Handler, ResponseFuture};

#[cfg(feature = "redis")]
pub use crate::RedisBackend;
pub use crate::{
    Backend, Concurrency, DebounceExt, DebounceScheduler, Enqueue, Queue, RedisTask, Task, TaskError, WorkerSupervisor,
};
