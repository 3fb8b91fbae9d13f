//! The first wait is not longer than the longest.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(backoff = "exponential(2m, 90s)")]
struct Email;

fn main() {}
