//! The attribute belongs on the type.

use redis_ext::RedisTask;

#[derive(RedisTask)]
struct Email {
    #[redis_task(queue = "emails")]
    to: String,
}

#[derive(RedisTask)]
enum Event {
    #[redis_task(queue = "emails")]
    Sent(#[redis_task(queue = "emails")] String),
}

fn main() {}
