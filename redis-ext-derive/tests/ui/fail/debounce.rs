//! A way to debounce is one of four, with its times.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(debounce = "-2s")]
struct Negative;

#[derive(RedisTask)]
#[redis_task(debounce = "0s")]
struct NoTime;

#[derive(RedisTask)]
#[redis_task(debounce = "sometimes")]
struct NoTimeAtAll;

#[derive(RedisTask)]
#[redis_task(debounce = "throttle(2s)")]
struct OtherPolicy;

#[derive(RedisTask)]
#[redis_task(debounce = "trailing(2s, 3s)")]
struct TooMany;

#[derive(RedisTask)]
#[redis_task(debounce = "leading(2s")]
struct Unclosed;

#[derive(RedisTask)]
#[redis_task(debounce = "window(1500ms)")]
struct HalfSecond;

#[derive(RedisTask)]
#[redis_task(debounce = "99999999999999999999s")]
struct TooLong;

#[derive(RedisTask)]
#[redis_task(debounce = "1s", max_wait = "36501d")]
struct OverACentury;

fn main() {}
