//! What the programs in `ui/pass` assert with.

use redis_ext::RedisTask;

/// Asserts that `task` is written as `json`, and that what is read from `json` is written the same.
#[track_caller]
pub fn assert_wire<T: RedisTask>(task: &T, json: &str) {
    assert_eq!(encoded(task), json);
    assert_eq!(encoded(&decoded::<T>(json)), json);
}

#[track_caller]
pub fn encoded<T: RedisTask>(task: &T) -> String {
    let mut out = Vec::new();
    task.encode(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
pub fn decoded<T: RedisTask>(json: &str) -> T {
    T::decode(json.as_bytes()).unwrap()
}
