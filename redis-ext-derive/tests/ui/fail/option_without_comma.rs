//! Options are separated by commas.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue = "emails" timeout = "30s", max_attempts = 2 + 3)]
struct Email;

fn main() {}
