//! A reference is fine where nothing is decoded into it.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Labelled {
    id: u8,
    #[serde(skip)]
    label: &'static str,
}

fn main() {
    support::assert_wire(&Labelled { id: 1, label: "a" }, r#"{"id":1}"#);
    assert_eq!(support::decoded::<Labelled>(r#"{"id":1}"#).label, "");
}
