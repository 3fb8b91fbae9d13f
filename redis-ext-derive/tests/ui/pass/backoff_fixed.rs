//! A fixed backoff waits the same time each time.

use std::time::Duration;

use redis_ext::{Backoff, RedisTask};

#[derive(RedisTask)]
#[redis_task(backoff = "fixed(10s)")]
struct Poll;

fn main() {
    assert_eq!(Poll::OPTIONS.backoff, Backoff::fixed(Duration::from_secs(10)));
}
