//! A value is a text or a number, as the option has it.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue = emails, max_attempts = "5", timeout = 30, unique_for = 10m, wire = true, crate = 7)]
struct Email;

fn main() {}
