//! rusty-sidekiq: at most once; a job that was taken is gone if its worker dies.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use bb8::Pool;
use sidekiq::{Processor, ProcessorConfig, RedisConnectionManager, Worker, WorkerOpts};

use crate::{Job, Run, meter::Meter};

const QUEUE: &str = "bench";

#[derive(Clone)]
struct Noop(Arc<Meter>);

#[async_trait]
impl Worker<Job> for Noop {
    fn opts() -> WorkerOpts<Job, Self> {
        WorkerOpts::new().queue(QUEUE)
    }

    async fn perform(&self, _: Job) -> sidekiq::Result<()> {
        self.0.note();
        Ok(())
    }
}

pub(crate) async fn work(run: &Run, meter: Arc<Meter>) -> Result<(), Box<dyn Error>> {
    let manager = RedisConnectionManager::new(run.url.as_str())?;
    // A connection for each worker, which waits on it.
    let pool = Pool::builder().max_size(run.concurrency as u32 + 10).build(manager).await?;
    for _ in 0..run.tasks {
        Noop::perform_async(&pool, run.job()).await?;
    }
    let config = ProcessorConfig::default().num_workers(run.concurrency);
    let mut processor = Processor::new(pool, vec![QUEUE.to_owned()]).with_config(config);
    processor.register(Noop(meter));
    processor.run().await;
    Ok(())
}
