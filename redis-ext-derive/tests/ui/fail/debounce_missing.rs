//! Options of debouncing need one that says when.

use redis_ext::prelude::*;

#[derive(RedisTask)]
#[redis_task(max_wait = "30s", max_count = 5, key = "user_id", payload = "last")]
struct Notify {
    user_id: u64,
}

#[derive(RedisTask)]
struct Plain;

#[derive(RedisTask)]
#[redis_task(debounce = "2 seconds")]
struct Faulty;

fn debounce(backend: &dyn redis_ext::backend::DebounceBackend) {
    let _plain = Plain.debounce(backend);
    // A faulty type is debounced all the same: nothing more is said of it.
    let _faulty = Faulty.debounce(backend);
}

fn main() {}
