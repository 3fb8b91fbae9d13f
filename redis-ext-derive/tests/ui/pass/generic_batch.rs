//! A generic type is a task wherever its parameters can be serialized.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Batch<T, U = String>
where
    U: Clone,
{
    items: Vec<T>,
    label: U,
}

fn json_of<T>(items: Vec<T>) -> String
where
    T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    support::encoded(&Batch { items, label: 0 })
}

fn main() {
    support::assert_wire(&Batch { items: vec![1, 2], label: "a".to_owned() }, r#"{"items":[1,2],"label":"a"}"#);
    assert_eq!(json_of(vec![true]), r#"{"items":[true],"label":0}"#);
    assert_eq!(<Batch<u8>>::QUEUE.as_str(), "batch");
}
