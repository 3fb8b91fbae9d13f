//! A bound that is none is told.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[serde(bound = "T is Copy")]
struct Batch<T> {
    items: Vec<T>,
}

fn main() {}
