//! What serde says of a faulty payload names the user's type and field.

use redis_ext::RedisTask;

#[derive(Debug, RedisTask)]
struct Email {
    #[allow(dead_code)]
    to: String,
}

fn main() {
    let message = |payload: &[u8]| Email::decode(payload).unwrap_err().to_string();
    assert_eq!(message(b"1"), "invalid type: integer `1`, expected struct Email at line 1 column 1");
    assert_eq!(message(b"{}"), "missing field `to` at line 1 column 2");
}
