//! Types in scope that are named like those of the prelude do not change what the derive means.

#![allow(dead_code)]

#[path = "../support/mod.rs"]
mod support;

mod shadowed {
    struct Option;
    struct Some;
    struct None;
    struct Result;
    struct Ok;
    struct Err;
    struct Vec;
    struct String;
    struct Duration;
    struct Default;
    struct Send;
    struct Box;
    struct Serialize;
    struct Deserialize;
    struct TaskOptions;
    struct QueueName;
    struct Wire;
    struct Backoff;
    mod serde {}
    mod core {}
    mod std {}
    mod redis_ext {}

    #[derive(::redis_ext::RedisTask)]
    #[redis_task(
        max_attempts = 2,
        backoff = "fixed(1s)",
        timeout = "1s",
        unique_for = "1s",
        wire = "envelope"
    )]
    pub struct Email<T> {
        pub to: ::std::string::String,
        pub value: ::std::option::Option<T>,
    }
}

fn main() {
    let email = shadowed::Email { to: "a".to_owned(), value: Some(1) };
    support::assert_wire(&email, r#"{"to":"a","value":1}"#);
}
