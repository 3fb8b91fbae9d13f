//! Bounds are for a timer that is reset, and must leave room for the delay.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(debounce = "leading(2s)", max_wait = "30s")]
struct Leading;

#[derive(RedisTask)]
#[redis_task(debounce = "window(1m)", max_wait = "30s", max_count = 5)]
struct Window;

#[derive(RedisTask)]
#[redis_task(debounce = "30s", max_wait = "2s")]
struct Shorter;

#[derive(RedisTask)]
#[redis_task(debounce = "2s", max_count = 0)]
struct None;

fn main() {}
