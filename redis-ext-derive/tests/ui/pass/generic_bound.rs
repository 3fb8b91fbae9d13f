//! `#[serde(bound)]` on the type or on a field takes the place of what would be inferred.

use redis_ext::RedisTask;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[path = "../support/mod.rs"]
mod support;

trait Unit: Serialize + DeserializeOwned + Send + 'static {}

impl Unit for u8 {}

#[derive(RedisTask)]
#[serde(bound = "T: Unit")]
struct OnType<T> {
    value: T,
}

#[derive(RedisTask)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
struct PerSide<T> {
    value: T,
}

#[derive(RedisTask)]
struct OnField<T> {
    #[serde(bound(serialize = "T: Unit", deserialize = "T: Unit"))]
    value: Vec<T>,
}

fn main() {
    support::assert_wire(&OnType { value: 1u8 }, r#"{"value":1}"#);
    support::assert_wire(&PerSide { value: 1u8 }, r#"{"value":1}"#);
    support::assert_wire(&OnField { value: vec![1u8] }, r#"{"value":[1]}"#);
}
