//! A macro can pass its own crate's path on, and types and names from its caller.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

mod framework {
    pub use redis_ext;
}

macro_rules! task {
    ($name:ident { $($field:ident: $ty:ty),* }, $queue:literal, $attempts:literal) => {
        #[derive(RedisTask)]
        #[redis_task(crate = $crate::framework::redis_ext, queue = $queue, max_attempts = $attempts)]
        struct $name { $($field: $ty),* }
    };
}

task!(Email { to: String, copies: Vec<String> }, "mail", 3);

fn main() {
    support::assert_wire(&Email { to: "a".to_owned(), copies: Vec::new() }, r#"{"to":"a","copies":[]}"#);
    assert_eq!(Email::QUEUE.as_str(), "mail");
    assert_eq!(Email::OPTIONS.max_attempts, 3);
}
