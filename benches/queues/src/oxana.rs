//! oxana: at least once, by a list of what is running for each process.

use std::{convert::Infallible, error::Error, sync::Arc};

use oxana::{JobContext, Queue, QueueConcurrency, QueueConfig, QueueKind};
use serde::Serialize;

use crate::{Job, Run, meter::Meter};

const BULK: usize = 1000;

#[derive(Clone)]
struct State(Arc<Meter>);

#[derive(Serialize)]
struct Bench;

impl Queue for Bench {
    fn to_config() -> QueueConfig {
        QueueConfig {
            kind: QueueKind::Static { key: "bench".to_owned() },
            concurrency: QueueConcurrency::Fixed(1),
            throttle: None,
        }
    }
}

impl oxana::Job for Job {}

#[derive(oxana::Worker)]
#[oxana(job = Job, context = State, error = Infallible, registry = None)]
struct Noop {
    state: State,
}

impl Noop {
    async fn process(&self, _: Job, _: &JobContext) -> Result<(), Infallible> {
        self.state.0.note();
        Ok(())
    }
}

pub(crate) async fn work(run: &Run, meter: Arc<Meter>) -> Result<(), Box<dyn Error>> {
    let storage = oxana::Storage::from_url(run.url.as_str())?;
    let (job, mut left) = (run.job(), run.tasks as usize);
    while left > 0 {
        let bulk = left.min(BULK);
        storage.enqueue_list(Bench, std::iter::repeat_n(job.clone(), bulk)).await?;
        left -= bulk;
    }
    let runtime = storage.runtime(State(meter)).queue_with_concurrency::<Bench>(run.concurrency).worker::<Noop, Job>();
    runtime.run().await?;
    Ok(())
}
