//! The options of debouncing reach the constant and the key.

use std::time::Duration;

use redis_ext::{Debounce, Debounced, RedisTask, backend::PayloadRule};

const SECOND: Duration = Duration::from_secs(1);

#[derive(RedisTask)]
#[redis_task(debounce = "2s")]
struct First;

#[derive(RedisTask)]
#[redis_task(debounce = "trailing(2s)")]
struct Trailing;

#[derive(RedisTask)]
#[redis_task(debounce = "2s", max_wait = "30s", max_count = 5, key = "user_id, r#type", payload = "first")]
struct Bounded {
    user_id: u64,
    r#type: String,
    text: String,
}

#[derive(RedisTask)]
#[redis_task(debounce = "leading(1m)")]
struct Leading;

#[derive(RedisTask)]
#[redis_task(debounce = "window(1m, 5s)")]
struct Window;

#[derive(RedisTask)]
#[redis_task(debounce = "window(1m)", key = "id", payload = "accumulate(100)")]
struct Accumulated<T> {
    id: T,
}

fn main() {
    assert_eq!(First::DEBOUNCE, Debounce::after(2 * SECOND));
    assert_eq!(Trailing::DEBOUNCE, Debounce::trailing(2 * SECOND));
    let bounded = Debounce::trailing(2 * SECOND).max_wait(30 * SECOND).max_count(5).payloads(PayloadRule::First);
    assert_eq!(Bounded::DEBOUNCE, bounded);
    assert_eq!(Leading::DEBOUNCE, Debounce::leading(60 * SECOND));
    assert_eq!(Window::DEBOUNCE, Debounce::windows(60 * SECOND, 5 * SECOND));
    let accumulated = Debounce::windows(60 * SECOND, Duration::ZERO).payloads(PayloadRule::accumulate(100));
    assert_eq!(Accumulated::<u8>::DEBOUNCE, accumulated);

    let mut key = Vec::new();
    assert!(!First.debounce_key(&mut key).unwrap() && key.is_empty());
    let bounded = Bounded { user_id: 7, r#type: "a\"b".into(), text: "…".into() };
    assert!(bounded.debounce_key(&mut key).unwrap());
    assert_eq!(key, br#"{"user_id":7,"type":"a\"b"}"#);
    assert_eq!(bounded.text, "…");
    assert!(Accumulated { id: f64::NAN }.debounce_key(&mut Vec::new()).is_err());
}
