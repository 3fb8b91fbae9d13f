//! The derive needs nothing from the prelude.

#![no_implicit_prelude]

#[derive(::redis_ext::RedisTask)]
#[redis_task(max_attempts = 2, backoff = "exponential(1s, 2s)", timeout = "none", unique_for = "1s")]
struct Email<T> {
    to: ::std::string::String,
    value: T,
}

#[derive(::redis_ext::RedisTask)]
#[serde(tag = "type")]
enum Event {
    Sent { to: ::std::string::String },
    Lost,
}

fn main() {
    use ::redis_ext::RedisTask as _;
    let mut out = ::std::vec::Vec::new();
    let email = Email { to: ::std::string::String::new(), value: 1u8 };
    ::std::assert!(email.encode(&mut out).is_ok());
    ::std::assert!(<Email<u8>>::decode(&out).is_ok_and(|email| email.value == 1));
    out.clear();
    ::std::assert!(Event::Sent { to: email.to }.encode(&mut out).is_ok());
    ::std::assert!(::std::matches!(Event::decode(&out), ::std::result::Result::Ok(Event::Sent { .. })));
    out.clear();
    ::std::assert!(Event::Lost.encode(&mut out).is_ok());
    ::std::assert!(::std::matches!(Event::decode(&out), ::std::result::Result::Ok(Event::Lost)));
}
