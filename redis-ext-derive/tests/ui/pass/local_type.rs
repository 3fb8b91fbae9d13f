//! A type within a function body can be a task.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

fn main() {
    #[derive(RedisTask)]
    struct Local<T> {
        inner: Inner,
        value: T,
    }

    type Inner = u8;

    support::assert_wire(&Local { inner: 1, value: 2 }, r#"{"inner":1,"value":2}"#);
}
