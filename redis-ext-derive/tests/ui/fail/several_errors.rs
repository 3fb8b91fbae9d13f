//! All that is wrong is told at once.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue = "{emails}", max_attempt = 5, timeout = "30", backoff = "exponential(1h, 1s)")]
struct Email<'a> {
    #[redis_task(unique)]
    to: &'a str,
}

fn main() {}
