//! A unit struct is `null`.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct CleanUp;

fn main() {
    support::assert_wire(&CleanUp, "null");
    assert_eq!(CleanUp::QUEUE.as_str(), "clean_up");
}
