//! A duration is whole numbers with units.

use redis_ext::RedisTask;

#[derive(RedisTask)]
#[redis_task(unique_for = "", timeout = "30")]
struct Unfinished;

#[derive(RedisTask)]
#[redis_task(unique_for = "5 minutes", timeout = "soon")]
struct Words;

#[derive(RedisTask)]
#[redis_task(unique_for = "1.5s", timeout = "-1s")]
struct NotWhole;

#[derive(RedisTask)]
#[redis_task(unique_for = "18446744073709551616ms", timeout = "213503982335d")]
struct TooLong;

fn main() {}
