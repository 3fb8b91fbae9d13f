//! Strict lints in the user's crate stay quiet about what the derive generates.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    single_use_lifetimes,
    let_underscore_drop,
    rust_2018_idioms,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items
)]
#![allow(clippy::missing_inline_in_public_items, reason = "of no interest in a test")]

use redis_ext::RedisTask;

/// Public, generic, with every option.
#[derive(Debug, RedisTask)]
#[redis_task(
    queue = "emails",
    max_attempts = 5,
    backoff = "exponential(1s, 1h)",
    timeout = "30s",
    unique_for = "10m",
    wire = "envelope"
)]
pub struct Email<T> {
    /// Public.
    pub to: String,
    /// Private, and never read but by serialization.
    body: T,
    /// Deprecated.
    #[deprecated]
    #[serde(default)]
    pub legacy: Option<String>,
}

/// An enum.
#[derive(Debug, RedisTask)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// With a field.
    Sent {
        /// The field.
        at: u64,
    },
    /// Without.
    #[deprecated]
    Lost,
}

/// Deprecated as a whole.
#[derive(Debug, RedisTask)]
#[deprecated]
pub struct Legacy;

#[allow(non_camel_case_types, non_snake_case)]
/// Not named as is usual.
#[derive(Debug, RedisTask)]
pub struct odd_name {
    /// Neither is this.
    pub OddField: u8,
}

/// What is allowed on a part is allowed.
#[derive(Debug, RedisTask)]
enum Allowed {
    /// A type that is one too many for clippy.
    Complex(
        #[expect(clippy::type_complexity, reason = "that is what is tested")]
        Vec<Vec<Option<(Vec<Option<u8>>, Vec<Option<u8>>, Vec<Option<u8>>, Vec<Option<u8>>)>>>,
    ),
    /// A box in vain.
    Boxed(#[expect(clippy::box_collection)] Box<Vec<u8>>),
}

#[test]
fn what_is_allowed_on_a_part_is_decoded_all_the_same() {
    assert!(matches!(Allowed::decode(br#"{"Boxed":[1]}"#), Ok(Allowed::Boxed(list)) if *list == [1]));
    assert!(matches!(Allowed::decode(br#"{"Complex":[]}"#), Ok(Allowed::Complex(list)) if list.is_empty()));
}

#[test]
fn a_task_in_a_function_is_clean_too() {
    /// Local.
    #[derive(RedisTask)]
    struct Local(u8);

    let mut out = Vec::new();
    assert!(Local(1).encode(&mut out).is_ok());
    assert!(Local::decode(&out).is_ok_and(|local| local.0 == 1));
}

#[test]
#[allow(deprecated)]
fn a_field_that_only_serialization_reads_is_read() {
    let mut out = Vec::new();
    let email = Email { to: String::new(), body: 1, legacy: None };
    assert!(email.encode(&mut out).is_ok());
    assert_eq!(out, br#"{"to":"","body":1,"legacy":null}"#);
}
