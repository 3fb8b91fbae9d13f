//! A transparent struct is its one field.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[serde(transparent)]
struct Ping {
    host: String,
}

fn main() {
    support::assert_wire(&Ping { host: "a".to_owned() }, r#""a""#);
}
