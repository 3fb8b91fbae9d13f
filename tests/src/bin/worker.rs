//! A worker process: handles `jobs` of the Redis server at the URL given until a signal ends it, each for so many
//! milliseconds, and prints `+<number>` when it begins with one and `-<number>` when it is done with it.

use std::{io::Write as _, time::Duration};

use redis_ext::prelude::*;
use redis_ext_tests::Job;

fn main() -> Result<(), redis_ext::Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, millis, at_once] = &arguments[..] else {
        panic!("usage: worker <redis url> <milliseconds for each job> <jobs at once>");
    };
    let work = Duration::from_millis(millis.parse().unwrap_or_else(|error| panic!("{millis:?}: {error}")));
    let at_once = at_once.parse().unwrap_or_else(|error| panic!("{at_once:?}: {error}"));
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(url).await?;
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(at_once), move |job: Task<Job>| async move {
                writeln!(std::io::stdout().lock(), "+{}", job.number)?;
                if !work.is_zero() {
                    tokio::time::sleep(work).await;
                }
                writeln!(std::io::stdout().lock(), "-{}", job.number)?;
                Ok(())
            })
            .arbiters(2)
            .start()?
            .run_until_signal()
            .await
    })
}
