//! A task is tried at least once.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(max_attempts = 0)]
struct Never;

#[derive(RedisTask)]
#[redis_task(max_attempts = -1)]
struct Negative;

#[derive(RedisTask)]
#[redis_task(max_attempts = 4_294_967_296)]
struct TooMany;

#[derive(RedisTask)]
#[redis_task(max_attempts = 5u64)]
struct OtherType;

fn main() {}
