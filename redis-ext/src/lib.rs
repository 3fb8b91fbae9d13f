//! An actor framework on [actix] for background tasks on Redis: at least once, in batches, on pluggable backends.
//!
//! ```
//! use redis_ext::prelude::*;
//! use redis_ext_memory::MemoryBackend;
//!
//! #[derive(Debug, RedisTask)]
//! #[redis_task(queue = "emails", max_attempts = 5, timeout = "30s")]
//! struct Email { to: String, subject: String }
//!
//! struct Mailer;
//!
//! impl Actor for Mailer { type Context = Context<Self>; }
//!
//! impl Handler<Task<Email>> for Mailer {
//!     type Result = ResponseFuture<Result<(), TaskError>>;
//!
//!     fn handle(&mut self, task: Task<Email>, _: &mut Context<Self>) -> Self::Result {
//!         Box::pin(async move {
//!             println!("to {}: {}", task.to, task.subject);
//!             Ok(())
//!         })
//!     }
//! }
//!
//! #[actix::main]
//! async fn main() -> Result<(), redis_ext::Error> {
//!     let backend = MemoryBackend::new(); // or RedisBackend::connect("redis://127.0.0.1/").await?
//!     let workers = WorkerSupervisor::builder(backend.clone())
//!         .handler::<Email, _>(Concurrency::new(16), || Mailer)
//!         .start()?;
//!     Email { to: "a@example.org".into(), subject: "hi".into() }.enqueue(&backend).await?;
//!     workers.run_until_idle().await // in a service: run_until_signal()
//! }
//! ```
//!
//! # Where to look
//! - [`RedisTask`]: what a task is, and the derive macro's options.
//! - [`Enqueue`]: the ways into a queue.
//! - [`WorkerSupervisor`] and its [builder](worker::WorkerSupervisorBuilder): handlers, threads, leases, shutdown.
//! - [`Debouncer`] and [`DebounceExt`]: work that waits until its triggers have calmed down; [`DebounceScheduler`] dispatches
//!   it.
//! - [`TaskError`]: retry, retry later, or give up. What was given up is a [dead letter](backend::DeadLetter).
//! - [`Queue`]: what a queue holds, its dead letters and their replay, a pause, tasks to be cancelled.
//! - [`UniqueId`]: stable numbers for keys, and fresh ones in bulk.
//! - [`FastSet`]: a distributed set that is read from memory, follows the store, and is never silently stale.
//! - [`backend`]: the contract of a store, for those who write one, and the conformance suite to test it.
//!
//! # Promises
//! A task runs *at least once*: a worker holds what it claimed under a lease, and when the lease expires others run the
//! tasks again. Nothing is dropped: what cannot be decoded, fails too often or kills its workers is kept as a dead
//! letter with its original bytes.
//!
//! Errors are typed: every call that can fail gives [`Error`], or the more exact type that [`Error`] is made of.
//!
//! # Where it runs
//! Actors need an actix System: the function under `#[actix::main]` or `#[actix::test]` has one, `#[tokio::main]` has none.
//! What starts actors (workers, schedulers, unique IDs, cached sets) gives a typed error outside of it, such as
//! [`BuildError::NoSystem`](worker::BuildError::NoSystem). Everything else, such as [`Enqueue`] and [`Queue`], needs a tokio
//! runtime with its timer, of whatever kind; without one `RedisBackend::connect` fails, and calls on a connection made
//! elsewhere panic with tokio's "there is no reactor running".
//!
//! # Features
//! | feature | default | |
//! |---|---|---|
//! | `redis` | yes | `RedisBackend`, and the client library that it needs |
//! | `conformance` | no | `backend::conformance`, the behaviour suite that every backend must pass |
//!
//! The in-memory backend is a crate of its own, `redis-ext-memory`: with it and `default-features = false` no Redis client is
//! compiled.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod backend;
pub mod codec;
pub mod debounce;
mod error;
pub mod fast_set;
pub mod prelude;
mod queue;
pub mod task;
pub mod unique_id;
pub mod worker;

#[cfg(feature = "redis")]
pub use backend::redis::{RedisBackend, RedisBackendBuilder};
pub use backend::{
    Backend, BackendError, BackendErrorKind, Enqueued, IdClass, IdTtl, InvalidIdName, InvalidIdTtl, SetName,
};
pub use codec::CodecError;
pub use debounce::{
    Burst, Debounce, DebounceError, DebounceExt, DebounceScheduler, Debounced, Debouncer, DedupQueue, Fired, Schedulers,
};
pub use error::Error;
pub use fast_set::FastSet;
pub use queue::Queue;
pub use redis_ext_derive::RedisTask;
/// For the types within a task: `#[derive(redis_ext::serde::Serialize)] #[serde(crate = "redis_ext::serde")]` needs no
/// serde in one's own dependencies.
pub use serde;
pub use task::{
    Backoff, Enqueue, InvalidQueueName, QueueName, RedisTask, Task, TaskError, TaskId, TaskOptions, Timestamp, Wire,
};
pub use unique_id::UniqueId;
pub use worker::{Concurrency, HandlerOptions, WorkerSupervisor, Workers};

/// The programs of the README, compiled.
#[cfg(all(doctest, feature = "redis"))]
#[doc = include_str!("../README.md")]
struct Readme;
