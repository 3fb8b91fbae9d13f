//! A queue name keeps the rules of `QueueName`.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(queue = "")]
struct Empty;

#[derive(RedisTask)]
#[redis_task(queue = "{emails}")]
struct Brace;

#[derive(RedisTask)]
#[redis_task(queue = "a\nb")]
struct Control;

#[derive(RedisTask)]
#[redis_task(queue = "emails ")]
struct OuterSpace;

fn main() {}
