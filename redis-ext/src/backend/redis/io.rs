//! The thread on which the connection for all callers lives.
//!
//! A connection is driven by a task of the runtime that made it, and dies with that runtime, while a backend is used
//! from many: an arbiter that stops must not take the connection of the others along. So the backend owns a thread
//! with a runtime of its own, which ends when the backend's last clone is dropped.

use std::{future::Future, io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinHandle,
};

/// A running thread; dropping it ends the thread and closes what lives on it, without waiting for either.
pub(super) struct IoThread {
    runtime: Handle,
    _ends_when_dropped: oneshot::Sender<()>,
}

impl IoThread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (sender, end) = oneshot::channel::<()>();
        thread::Builder::new().name("redis-ext-io".to_owned()).spawn(move || {
            // The error is the sender's end, which is what is waited for.
            let _ended = runtime.block_on(end);
        })?;
        Ok(Self { runtime: handle, _ends_when_dropped: sender })
    }

    pub(super) fn spawn<F: Future<Output: Send> + Send + 'static>(&self, task: F) -> JoinHandle<F::Output> {
        self.runtime.spawn(task)
    }
}
