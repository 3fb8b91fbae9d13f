//! A task may be without a time limit.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(timeout = "none")]
struct Import;

fn main() {
    assert_eq!(Import::OPTIONS.timeout, None);
}
