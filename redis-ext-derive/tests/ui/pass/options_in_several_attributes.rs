//! Options may be spread over several attributes.

use redis_ext::{RedisTask, TaskOptions};

#[derive(RedisTask)]
#[redis_task(queue = "mail")]
#[redis_task(max_attempts = 1_000u32,)]
#[redis_task()]
struct Email;

fn main() {
    assert_eq!(Email::QUEUE.as_str(), "mail");
    assert_eq!(Email::OPTIONS, TaskOptions::new().max_attempts(1000));
}
