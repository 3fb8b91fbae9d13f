//! A task cannot borrow.

use redis_ext::RedisTask;

#[derive(RedisTask)]
struct Email<'a, 'b, T> {
    to: &'a str,
    subject: &'b str,
    body: T,
}

fn main() {}
