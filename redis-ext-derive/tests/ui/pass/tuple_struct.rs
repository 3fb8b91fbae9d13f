//! A tuple struct is a list, and one with a single field is that field.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Move(u32, String);

#[derive(RedisTask)]
struct Ping(String);

fn main() {
    support::assert_wire(&Move(1, "a".to_owned()), r#"[1,"a"]"#);
    support::assert_wire(&Ping("host".to_owned()), r#""host""#);
}
