//! The crate is a path.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(crate = "not a path")]
struct NotAPath;

#[derive(RedisTask)]
#[redis_task(crate = "")]
struct Empty;

fn main() {}
