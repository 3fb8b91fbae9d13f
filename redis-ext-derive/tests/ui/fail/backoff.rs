//! A backoff is one of two policies with its waits.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(backoff = "1s")]
struct NoPolicy;

#[derive(RedisTask)]
#[redis_task(backoff = "linear(1s)")]
struct OtherPolicy;

#[derive(RedisTask)]
#[redis_task(backoff = "fixed")]
struct NoWait;

#[derive(RedisTask)]
#[redis_task(backoff = "fixed(1s, 2s)")]
struct TooMany;

#[derive(RedisTask)]
#[redis_task(backoff = "exponential(1s)")]
struct TooFew;

#[derive(RedisTask)]
#[redis_task(backoff = "exponential(1s, 1h")]
struct Unclosed;

#[derive(RedisTask)]
#[redis_task(backoff = "exponential(1s, 1hour)")]
struct Unit;

fn main() {}
