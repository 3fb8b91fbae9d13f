//! The in-memory backend of `redis-ext`: the same semantics as on Redis, without a server.
//!
//! It is a real backend, for programs whose tasks need not survive the process, and the backend of tests: its clock is
//! tokio's, so a test with a paused clock decides itself when leases expire and retries are due, and a test of "an hour
//! later" takes a millisecond. What is queued, claimed and scheduled can be looked at, and [`Faults`] make it fail.
//!
//! ```
//! use std::time::Duration;
//! use redis_ext::prelude::*;
//! use redis_ext_memory::MemoryBackend;
//!
//! #[derive(Debug, PartialEq, RedisTask)]
//! struct Reminder { to: String }
//!
//! # /* what #[actix::test] makes of a function
//! #[actix::test]
//! async fn a_reminder_comes_an_hour_later() -> Result<(), redis_ext::Error> {
//! # */ fn main() { actix::System::new().block_on(test()).unwrap() }
//! # async fn test() -> Result<(), redis_ext::Error> {
//!     tokio::time::pause(); // tokio's feature `test-util`
//!     let backend = MemoryBackend::new();
//!     Reminder { to: "a@example.org".into() }.enqueue_in(&backend, Duration::from_secs(3600)).await?;
//!
//!     let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
//!     let workers = WorkerSupervisor::builder(backend.clone())
//!         .handler_fn(Concurrency::new(1), move |reminder: Task<Reminder>| {
//!             let sent = told.send(reminder.into_inner());
//!             async { Ok(sent?) }
//!         })
//!         .start()?;
//!     backend.drained(&Reminder::QUEUE).await; // the clock jumps to what is due next
//!     assert_eq!(tell.recv().await, Some(Reminder { to: "a@example.org".into() }));
//!     workers.shutdown().await
//! }
//! ```
//!
//! # Where to look
//! - [`MemoryBackend`]: what [`RedisBackend`](https://docs.rs/redis-ext/latest/redis_ext/struct.RedisBackend.html) is in
//!   production; and the methods that tests look at it with.
//! - [`Faults`]: lost replies, delays and refusals, by plan or by chance with a seed.

mod cancellations;
mod clock;
mod dead;
mod debounce;
mod effects;
mod faults;
mod ids;
mod incarnation;
mod locks;
mod queue;
mod sets;
mod store;
mod tasks;
mod testing;

use std::{fmt, sync::Arc};

use debounce::Debouncers;
use effects::Effects;
use faults::FaultPlan;
pub use faults::{Calls, Faults};
use ids::Ids;
use redis_ext::backend::DEFAULT_MAX_ENTRY_BYTES;
use sets::Sets;
use store::Store;

/// A backend in this process's memory. A clone is another handle on the same store.
///
/// # Examples
/// ```
/// use redis_ext_memory::MemoryBackend;
///
/// let backend = MemoryBackend::builder().max_entry_bytes(64 * 1024).build();
/// let same_store = backend.clone();
/// ```
#[derive(Clone)]
pub struct MemoryBackend {
    store: Arc<Store>,
    effects: Arc<Effects>,
    ids: Arc<Ids>,
    debouncers: Arc<Debouncers>,
    sets: Arc<Sets>,
    faults: Arc<FaultPlan>,
    max_entry_bytes: usize,
}

/// The settings of a [`MemoryBackend`].
///
/// # Examples
/// See [`MemoryBackend`].
#[derive(Debug, Clone)]
#[must_use = "settings have their effect through `build`"]
pub struct MemoryBackendBuilder {
    max_entry_bytes: usize,
}

impl MemoryBackend {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An empty store with settings of its own.
    pub fn builder() -> MemoryBackendBuilder {
        MemoryBackendBuilder { max_entry_bytes: DEFAULT_MAX_ENTRY_BYTES }
    }
}

impl MemoryBackendBuilder {
    /// The most bytes that one entry may have, instead of [`DEFAULT_MAX_ENTRY_BYTES`].
    pub fn max_entry_bytes(mut self, max_entry_bytes: usize) -> Self {
        self.max_entry_bytes = max_entry_bytes;
        self
    }

    /// The backend.
    #[must_use]
    pub fn build(self) -> MemoryBackend {
        MemoryBackend {
            store: Arc::new(Store::new()),
            effects: Arc::default(),
            ids: Arc::default(),
            debouncers: Arc::default(),
            sets: Arc::default(),
            faults: Arc::default(),
            max_entry_bytes: self.max_entry_bytes,
        }
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").field("queues", &self.store.queue_count()).finish_non_exhaustive()
    }
}

/// The program of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
