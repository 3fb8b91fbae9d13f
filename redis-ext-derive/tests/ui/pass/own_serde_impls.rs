//! Implementations of serde's traits written by hand stay untouched, and do not change the payload.

use redis_ext::RedisTask;
use serde::{Serialize, Serializer};

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Secret {
    value: u8,
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

fn main() {
    support::assert_wire(&Secret { value: 7 }, r#"{"value":7}"#);
    assert_eq!(serde_json::to_string(&Secret { value: 7 }).unwrap(), r#""***""#);
}
