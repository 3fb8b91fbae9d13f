//! The value follows an equals sign.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue("emails"), timeout: "30s")]
struct Email;

fn main() {}
