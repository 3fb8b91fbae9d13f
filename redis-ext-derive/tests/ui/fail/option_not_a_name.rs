//! Anything but names and values is refused.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task("emails", ::queue = "emails", max_attempts = 0)]
struct Email;

fn main() {}
