//! apalis-redis: at least once, by a set of what is running for each worker.

use std::{error::Error, sync::Arc};

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};

use crate::{Job, Run, meter::Meter};

/// A queue of more than some 8,000 jobs ends its worker with an error of Lua.
pub(crate) const MOST: u64 = 5_000;

/// As in its own tests.
const BATCH: usize = 100;

pub(crate) async fn work(run: &Run, meter: Arc<Meter>) -> Result<(), Box<dyn Error>> {
    let connection = apalis_redis::connect(run.url.as_str()).await?;
    // Without what costs time and is not needed: results, and events about each job.
    let config = Config::default().queue("bench").batch_size(BATCH).emit_events(false).persist_results(false);
    let mut storage = RedisStorage::<Job, _>::new(connection).with_config(config);
    for _ in 0..run.tasks {
        storage.push(run.job()).await?;
    }
    async fn handle(_: Job, meter: Data<Arc<Meter>>) -> Result<(), BoxDynError> {
        meter.note();
        Ok(())
    }
    WorkerBuilder::new("bench")
        .backend(storage)
        .data(meter)
        .concurrency(run.concurrency)
        .parallelize(tokio::spawn)
        .build(handle)
        .run()
        .await?;
    Ok(())
}
