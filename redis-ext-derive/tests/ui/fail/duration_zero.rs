//! No time at all is no time limit, no wait and no period.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(timeout = "0s", unique_for = "0m", backoff = "exponential(0ms, 1s)")]
struct Email;

#[derive(RedisTask)]
#[redis_task(backoff = "fixed(0s)")]
struct Fixed;

fn main() {}
