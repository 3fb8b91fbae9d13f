//! A union cannot be a task.

use redis_ext::RedisTask;

#[derive(RedisTask)]
union Bits {
    float: f32,
    int: u32,
}

fn main() {}
