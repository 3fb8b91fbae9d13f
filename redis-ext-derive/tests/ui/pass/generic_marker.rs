//! A parameter that marks a type, or whose field has a codec of its own, need not be serializable itself.

use std::marker::PhantomData;

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

struct Nightly;

#[derive(RedisTask)]
struct Job<K, C> {
    id: u32,
    #[serde(with = "count")]
    counted: Vec<C>,
    kind: PhantomData<K>,
}

mod count {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer, C>(items: &[C], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(items.len() as u64)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, C>(deserializer: D) -> Result<Vec<C>, D::Error> {
        usize::deserialize(deserializer).map(Vec::with_capacity)
    }
}

fn main() {
    let job = Job::<Nightly, Nightly> { id: 7, counted: Vec::new(), kind: PhantomData };
    support::assert_wire(&job, r#"{"id":7,"counted":0,"kind":null}"#);
}
