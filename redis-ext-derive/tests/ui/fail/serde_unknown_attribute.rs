//! What serde does not know, serde tells.

use redis_ext::RedisTask;

#[derive(RedisTask)]
struct Email {
    #[serde(renam = "t")]
    to: String,
}

fn main() {}
