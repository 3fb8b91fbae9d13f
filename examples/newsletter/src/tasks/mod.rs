//! What is done in the background: the kinds of tasks, a file each, and the workers and the scheduler that run them.

mod deliver;
mod preview;
mod send;
mod welcome;

use std::{sync::Arc, time::Duration};

pub use preview::RenderPreview;
use redis_ext::{Concurrency, DebounceScheduler, QueueName, RedisTask, Schedulers, Task, WorkerSupervisor, Workers};
pub use send::{IssueMail, SendIssue};
pub use welcome::Welcome;

use crate::{Error, Newsletter};

/// The queues of this service, for whoever looks after them.
pub const QUEUES: [QueueName; 4] = [Welcome::QUEUE, RenderPreview::QUEUE, SendIssue::QUEUE, IssueMail::QUEUE];

// ANCHOR: background
/// The workers and the scheduler. They can run in the process of the web server, in one of their own, or in several.
pub struct Background {
    scheduler: Schedulers,
    workers: Workers,
}

impl Background {
    /// Starts them in the current actix System.
    ///
    /// # Errors
    /// [`Error::Store`] when there is no such System.
    pub fn start(newsletter: &Arc<Newsletter>, grace: Duration) -> Result<Self, Error> {
        let backend = || Arc::clone(&newsletter.backend);
        // A queue each: a welcome does not wait behind ten thousand mails of an issue.
        let workers = WorkerSupervisor::builder(backend())
            .handler_fn(Concurrency::new(4), with(newsletter, welcome::send))
            .handler_fn(Concurrency::new(2), with(newsletter, preview::render))
            .handler_fn(Concurrency::new(1), with(newsletter, send::fan_out))
            .handler_fn(Concurrency::new(16), with(newsletter, send::send_one))
            .grace(grace)
            .start()?;
        let scheduler = DebounceScheduler::builder(backend()).task::<RenderPreview>().start()?;
        Ok(Self { scheduler, workers })
    }

    /// Ends them in good order: what runs may end within the grace time, everything else stays in the backend.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn shutdown(self) -> Result<(), Error> {
        self.scheduler.shutdown().await;
        Ok(self.workers.shutdown().await?)
    }
}

/// A handler that has the newsletter at hand.
fn with<T, F, R>(newsletter: &Arc<Newsletter>, handler: F) -> impl Fn(Task<T>) -> R + use<T, F, R>
where
    F: Fn(Arc<Newsletter>, Task<T>) -> R,
{
    let newsletter = Arc::clone(newsletter);
    move |task| handler(Arc::clone(&newsletter), task)
}
// ANCHOR_END: background
