//! A field cannot be decoded into a reference.

use redis_ext::RedisTask;

#[derive(RedisTask)]
struct Email {
    to: &'static str,
}

fn main() {}
