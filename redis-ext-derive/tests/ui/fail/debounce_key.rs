//! A key names fields of a struct, and a payload needs a key.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "user_ip")]
struct Misspelt {
    user_id: u64,
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "colour")]
struct Unknown {
    user_id: u64,
    text: String,
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "user_id, user_id")]
struct Twice {
    user_id: u64,
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "0")]
struct Tuple(u64);

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "user_id")]
enum Enum {
    Variant { user_id: u64 },
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", payload = "last")]
struct NoKey {
    user_id: u64,
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "user_id", payload = "accumulate(0)")]
struct AccumulatesNothing {
    user_id: u64,
}

#[derive(RedisTask)]
#[redis_task(debounce = "2s", key = "user_id", payload = "newest")]
struct OtherPayload {
    user_id: u64,
}

fn main() {}
