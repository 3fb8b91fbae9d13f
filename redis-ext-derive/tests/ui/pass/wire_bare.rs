//! A bare payload may hold the envelope's key anywhere but at its top.

use redis_ext::{RedisTask, Wire};

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
struct Renamed {
    #[serde(rename = "version")]
    redis_ext: u8,
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(rename_all = "camelCase")]
struct CamelCase {
    redis_ext: u8,
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
enum Deeper {
    Inner { redis_ext: u8 },
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
struct Skipped {
    #[serde(skip)]
    redis_ext: u8,
}

fn main() {
    assert_eq!(Renamed::OPTIONS.wire, Wire::Bare);
    support::assert_wire(&Renamed { redis_ext: 1 }, r#"{"version":1}"#);
    support::assert_wire(&CamelCase { redis_ext: 1 }, r#"{"redisExt":1}"#);
    support::assert_wire(&Deeper::Inner { redis_ext: 1 }, r#"{"Inner":{"redis_ext":1}}"#);
    support::assert_wire(&Skipped { redis_ext: 1 }, "{}");
}
