//! A type within a task that serde does not know.

use redis_ext::prelude::*;

struct Address {
    street: String,
}

#[derive(RedisTask)]
struct Letter {
    to: Address,
}

fn main() {}
