//! A task is not a definition of another type.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[serde(remote = "std::time::Duration")]
struct Duration {
    #[serde(getter = "std::time::Duration::as_secs")]
    secs: u64,
}

fn main() {}
