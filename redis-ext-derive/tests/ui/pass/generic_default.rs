//! What is left out when read needs a default, and so does the parameter it is made of.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Cached<T, U> {
    #[serde(skip)]
    cache: T,
    #[serde(default)]
    value: U,
}

#[derive(Default, RedisTask)]
#[serde(default)]
struct Config<T> {
    value: T,
    level: u8,
}

fn main() {
    support::assert_wire(&Cached { cache: 1, value: 2 }, r#"{"value":2}"#);
    assert_eq!(support::decoded::<Cached<u8, u8>>("{}").cache, 0);
    assert_eq!(support::encoded(&support::decoded::<Config<u8>>(r#"{"level":3}"#)), r#"{"value":0,"level":3}"#);
}
