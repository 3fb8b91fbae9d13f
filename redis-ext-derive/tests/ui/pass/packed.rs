//! A packed struct is read without references into it.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(Clone, Copy, RedisTask)]
#[repr(C, packed)]
struct Sample {
    kind: u8,
    value: u32,
}

fn main() {
    support::assert_wire(&Sample { kind: 1, value: 2 }, r#"{"kind":1,"value":2}"#);
}
