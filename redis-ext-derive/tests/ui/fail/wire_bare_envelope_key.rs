//! A bare payload must not look like an envelope.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
struct Field {
    redis_ext: u8,
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(rename_all = "camelCase")]
struct Renamed {
    #[serde(rename(serialize = "redis_ext", deserialize = "version"))]
    version: u8,
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(rename_all = "snake_case")]
enum Variant {
    RedisExt(u8),
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(tag = "redis_ext")]
enum Tag {
    A { redis_ext: u8 },
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(tag = "t", content = "redis_ext")]
enum Content {
    A { redis_ext: u8 },
}

#[derive(RedisTask)]
#[redis_task(wire = "bare")]
#[serde(untagged)]
enum Untagged {
    A { redis_ext: u8 },
}

fn main() {}
