//! A bare payload carries no unique key.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(wire = "bare", unique_for = "10m")]
struct Email;

fn main() {}
