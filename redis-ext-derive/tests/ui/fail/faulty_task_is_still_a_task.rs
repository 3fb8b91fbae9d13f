//! Where a faulty task is used, nothing more is said.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(timeout = "30")]
struct Batch<T> {
    items: Vec<T>,
}

fn enqueue<T: RedisTask>(_: T) {}

fn main() {
    enqueue(Batch { items: vec![1] });
}
