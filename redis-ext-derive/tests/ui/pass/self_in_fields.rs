//! `Self` in a field, a bound or an array length means the task, not what the derive generates.

use std::marker::PhantomData;

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

trait Sizes {
    type Id;
    const LEN: usize;
}

impl Sizes for Frame {
    type Id = u16;
    const LEN: usize = 3;
}

#[derive(RedisTask)]
struct Frame {
    id: <Self as Sizes>::Id,
    pixels: [u8; Self::LEN],
    marker: PhantomData<Self>,
}

#[derive(RedisTask)]
struct Bounded<T>
where
    Self: Sized,
{
    value: T,
}

fn main() {
    let frame = Frame { id: 1, pixels: [1, 2, 3], marker: PhantomData };
    support::assert_wire(&frame, r#"{"id":1,"pixels":[1,2,3],"marker":null}"#);
    support::assert_wire(&Bounded { value: 1 }, r#"{"value":1}"#);
}
