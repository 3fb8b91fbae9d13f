//! Discriminants and representations do not show on the wire.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[repr(u8)]
enum Level {
    Low = 10,
    High(u8) = 20,
}

fn main() {
    support::assert_wire(&Level::Low, r#""Low""#);
    support::assert_wire(&Level::High(3), r#"{"High":3}"#);
}
