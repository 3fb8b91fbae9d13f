//! Raw identifiers go by their names without the prefix.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[allow(non_camel_case_types)]
struct r#type<r#T> {
    r#fn: r#T,
}

fn main() {
    support::assert_wire(&r#type { r#fn: 1 }, r#"{"fn":1}"#);
    assert_eq!(<r#type<u8>>::QUEUE.as_str(), "type");
}
