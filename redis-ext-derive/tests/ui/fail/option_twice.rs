//! An option is given once, even over several attributes.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue = "a", max_attempts = 1, max_attempts = 2)]
#[redis_task(queue = "b")]
struct Email;

fn main() {}
