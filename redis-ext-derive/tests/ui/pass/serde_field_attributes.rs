//! Serde's field attributes work as they do under serde's own derives.

use std::collections::BTreeMap;

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Email {
    send_to: String,
    #[serde(rename = "s", alias = "title")]
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(default = "three")]
    tries: u8,
    #[serde(skip)]
    cache: Vec<u8>,
}

fn three() -> u8 {
    3
}

#[derive(RedisTask)]
struct Event {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

fn main() {
    let email = support::decoded::<Email>(r#"{"sendTo":"a","title":"b"}"#);
    assert!(email.cache.is_empty());
    support::assert_wire(&email, r#"{"sendTo":"a","s":"b","tries":3}"#);
    assert!(Email::decode(br#"{"sendTo":"a","s":"b","x":1}"#).is_err());
    support::assert_wire(&Event { id: 1, rest: BTreeMap::from([("a".to_owned(), 2)]) }, r#"{"id":1,"a":2}"#);
}
