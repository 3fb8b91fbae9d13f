//! `#[serde(default)]` on the type fills missing fields from the type's own default.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[serde(default)]
struct Retry {
    times: u8,
    label: String,
}

impl Default for Retry {
    fn default() -> Self {
        Self { times: 3, label: "none".to_owned() }
    }
}

fn main() {
    assert_eq!(support::encoded(&support::decoded::<Retry>(r#"{"label":"a"}"#)), r#"{"times":3,"label":"a"}"#);
}
