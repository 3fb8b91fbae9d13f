//! A worker process: handles `jobs` of the Redis server at the URL given until a signal ends it, and prints the number
//! of each job that it has done.

use std::io::Write as _;

use redis_ext::prelude::*;
use redis_ext_tests::Job;

fn main() -> Result<(), redis_ext::Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| panic!("usage: worker <redis url>"));
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&url).await?;
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(32), |job: Task<Job>| async move {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                writeln!(std::io::stdout().lock(), "{}", job.number)?;
                Ok(())
            })
            .arbiters(2)
            .start()?
            .run_until_signal()
            .await
    })
}
