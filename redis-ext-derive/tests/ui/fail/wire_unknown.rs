//! There are two wire formats.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(wire = "json")]
struct Email;

fn main() {}
