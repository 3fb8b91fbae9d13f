//! bullmq-official: at least once, by a lock for each job and a check for stalled ones.

use std::{error::Error, sync::Arc};

use bullmq::{
    BulkJob, Job, Queue, QueueOptions, Worker, WorkerOptions, options::RedisConnectionOptions, types::RemoveOnFinish,
    worker::CancellationToken,
};

use crate::{Run, meter::Meter};

const NAME: &str = "bench";
const BULK: usize = 1000;

pub(crate) async fn work(run: &Run, meter: Arc<Meter>) -> Result<(), Box<dyn Error>> {
    let connection = RedisConnectionOptions::new().url(run.url.as_str());
    let queue = Queue::with_options(NAME, QueueOptions::new().connection(connection.clone())).await?;
    let (job, mut left) = (run.job(), run.tasks as usize);
    while left > 0 {
        let bulk = (0..left.min(BULK)).map(|_| BulkJob::new("noop", &job)).collect();
        queue.add_bulk(bulk).await?;
        left -= left.min(BULK);
    }
    // Finished jobs are removed at once, as is recommended where nobody looks at them.
    let options = WorkerOptions::new()
        .connection(connection)
        .concurrency(run.concurrency)
        .remove_on_complete(RemoveOnFinish::Bool(true));
    let processor = move |_: Job, _: CancellationToken| {
        meter.note();
        async { Ok(serde_json::Value::Null) }
    };
    let _worker = Worker::with_options(NAME, processor, options).await?;
    std::future::pending().await
}
