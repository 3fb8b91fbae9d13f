//! An unknown option is told, with the nearest that exists.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queu = "emails", retries = 3, color)]
struct Email;

fn main() {}
