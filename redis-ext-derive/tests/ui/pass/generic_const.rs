//! Const parameters, with and without defaults, are carried over.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
struct Sized_<T: Copy, const N: usize = 2> {
    item: T,
    #[serde(skip, default = "zeros")]
    rest: [u8; N],
}

fn zeros<const N: usize>() -> [u8; N] {
    [0; N]
}

#[derive(RedisTask)]
struct OnlyConst<const N: usize>(u8);

fn main() {
    support::assert_wire(&Sized_::<u8> { item: 1, rest: [0; 2] }, r#"{"item":1}"#);
    support::assert_wire(&OnlyConst::<3>(1), "1");
}
