//! The crate may have another name.

extern crate redis_ext as renamed;

use renamed::RedisTask;

#[path = "../support/mod.rs"]
mod support;

mod vendored {
    pub use redis_ext;
}

#[derive(RedisTask)]
#[redis_task(crate = "renamed")]
struct Renamed {
    a: u8,
}

#[derive(RedisTask)]
#[redis_task(crate = "crate::vendored::redis_ext")]
struct Vendored {
    a: u8,
}

#[derive(RedisTask)]
#[redis_task(crate = crate::vendored::redis_ext)]
struct Unquoted<T> {
    a: T,
}

fn main() {
    support::assert_wire(&Renamed { a: 1 }, r#"{"a":1}"#);
    support::assert_wire(&Vendored { a: 1 }, r#"{"a":1}"#);
    support::assert_wire(&Unquoted { a: 1 }, r#"{"a":1}"#);
}
