//! An option needs a value.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue, max_attempts =, timeout =)]
struct Email;

fn main() {}
