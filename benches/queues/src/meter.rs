//! Counts handled jobs, and measures between the end of the warm-up and the last one.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use redis_ext_benches::{Sample, Stopwatch};
use tokio::sync::Notify;

use crate::Run;

pub(crate) struct Meter {
    warm_up: u64,
    tasks: u64,
    server: u32,
    handled: AtomicU64,
    watch: Mutex<Option<Stopwatch>>,
    sample: Mutex<Option<Sample>>,
    ended: Notify,
}

impl Meter {
    pub(crate) fn new(run: &Run) -> Arc<Self> {
        Arc::new(Self {
            warm_up: run.warm_up.max(1),
            tasks: run.tasks,
            server: run.server,
            handled: AtomicU64::new(0),
            watch: Mutex::default(),
            sample: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// Notes that a job was handled.
    pub(crate) fn note(&self) {
        let handled = self.handled.fetch_add(1, Relaxed) + 1;
        if handled == self.warm_up {
            *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::beside(Some(self.server)));
        }
        if handled == self.tasks {
            let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
            *self.sample.lock().unwrap_or_else(PoisonError::into_inner) =
                watch.map(|watch| watch.stop(self.tasks - self.warm_up));
            self.ended.notify_one();
        }
    }

    /// Waits until all jobs were handled.
    pub(crate) async fn sample(&self) -> Sample {
        loop {
            self.ended.notified().await;
            if let Some(sample) = self.sample.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return sample;
            }
        }
    }
}
