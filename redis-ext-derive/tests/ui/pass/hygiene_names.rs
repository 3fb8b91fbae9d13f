//! Fields, variants, parameters and consts named like the derive's own names do not collide with them.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Task<S, D, A> {
    out: S,
    payload: D,
    serializer: A,
    deserializer: u8,
    task: u8,
}

#[derive(RedisTask)]
#[allow(non_camel_case_types)]
struct serialize<E, const N: usize> {
    encode: E,
}

fn main() {
    let task = Task { out: 1, payload: 2, serializer: 3, deserializer: 4, task: 5 };
    support::assert_wire(&task, r#"{"out":1,"payload":2,"serializer":3,"deserializer":4,"task":5}"#);
    support::assert_wire(&serialize::<u8, 1> { encode: 1 }, r#"{"encode":1}"#);
}
