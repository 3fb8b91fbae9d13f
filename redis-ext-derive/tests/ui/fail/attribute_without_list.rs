//! The options stand in parentheses.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task]
struct Email;

#[derive(RedisTask)]
#[redis_task = "emails"]
struct Text;

fn main() {}
