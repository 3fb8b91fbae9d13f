//! Every option reaches the constants.

use std::time::Duration;

use redis_ext::{Backoff, RedisTask, TaskOptions, Wire};

#[derive(RedisTask)]
#[redis_task(
    queue = "mail/out",
    max_attempts = 5,
    backoff = "exponential(250ms, 1h30m)",
    timeout = "30s",
    unique_for = "10m",
    wire = "envelope"
)]
struct Email;

fn main() {
    assert_eq!(Email::QUEUE.as_str(), "mail/out");
    let options = TaskOptions::new()
        .max_attempts(5)
        .backoff(Backoff::exponential(Duration::from_millis(250), Duration::from_secs(5_400)))
        .timeout(Some(Duration::from_secs(30)))
        .unique_for(Some(Duration::from_secs(600)))
        .wire(Wire::Envelope);
    assert_eq!(Email::OPTIONS, options);
}
