//! What bare Redis can do: a client that blocks on a list and takes one job after the other.

use redis::{AsyncConnectionConfig, Client, cmd};
use redis_ext::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Job, Latencies, Sample, Stopwatch};

/// A client that waits for jobs with `BLMOVE`, as a queue that promises something must.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Waiter {
    /// The server.
    pub url: String,
    /// The server's process.
    pub server: Option<u32>,
    /// The list; what is taken goes to another one.
    pub list: String,
    /// It ends after so many jobs.
    pub tasks: u64,
}

impl Waiter {
    #[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
    pub(super) fn play(self) -> Sample {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        runtime.block_on(async {
            let client = Client::open(self.url).expect("the URL is one of Redis");
            let patient = AsyncConnectionConfig::new().set_response_timeout(None);
            let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
            let mut connection = connection.expect("the server takes connections");
            let taken = format!("{}:taken", self.list);
            let take = cmd("BLMOVE").arg(&self.list).arg(&taken).arg("LEFT").arg("RIGHT").arg(0).to_owned();
            let mut latencies = Latencies::new();
            let watch = Stopwatch::beside(self.server);
            println!("ready");
            for _ in 0..self.tasks {
                let entry: Vec<u8> = take.query_async(&mut connection).await.expect("the job comes");
                latencies.record(Job::decode(&entry).expect("it is a job").age());
            }
            let sample = watch.stop(self.tasks).with_latencies(&latencies);
            cmd("UNLINK").arg(taken).exec_async(&mut connection).await.expect("the server takes what was moved away");
            sample
        })
    }
}
