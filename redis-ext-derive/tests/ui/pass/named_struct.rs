//! The derive alone makes a task of a struct with private fields.

use redis_ext::{RedisTask, TaskOptions};

#[path = "../support/mod.rs"]
mod support;

mod mail {
    #[derive(redis_ext::RedisTask)]
    pub struct Email {
        to: String,
        copies: Vec<String>,
        reply_to: Option<String>,
    }

    impl Email {
        pub fn to(address: &str) -> Self {
            Self { to: address.to_owned(), copies: Vec::new(), reply_to: None }
        }
    }
}

fn main() {
    support::assert_wire(&mail::Email::to("a@example.org"), r#"{"to":"a@example.org","copies":[],"reply_to":null}"#);
    assert_eq!(mail::Email::QUEUE.as_str(), "email");
    assert_eq!(mail::Email::OPTIONS, TaskOptions::new());
}
