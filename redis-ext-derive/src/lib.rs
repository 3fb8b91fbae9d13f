//! The derive macro of `redis-ext`; use it from there, as `redis_ext::RedisTask`.
//!
//! A derive takes these steps, a file each: the type becomes an `ast`, the options are read in `attr` and checked in
//! `valid`, and `expand` prints the code, or `fallback` the diagnostics.

mod ast;
mod attr;
mod bare;
mod bound;
mod debounce;
mod duration;
mod errors;
mod expand;
mod fallback;
mod lints;
mod queue;
mod serde_attr;
mod shadow;
mod suggest;
mod tokens;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a task of a struct or an enum: gives it its queue, its options and its JSON payload.
///
/// ```
/// use redis_ext::RedisTask;
///
/// #[derive(RedisTask)]
/// #[redis_task(queue = "emails", max_attempts = 5, timeout = "30s")]
/// struct Email {
///     to: String,
///     #[serde(default)]
///     subject: String,
/// }
///
/// let email = Email { to: "a@example.org".into(), subject: "hi".into() };
/// let mut payload = Vec::new();
/// email.encode(&mut payload)?;
/// assert_eq!(payload, br#"{"to":"a@example.org","subject":"hi"}"#);
/// assert_eq!(Email::decode(br#"{"to":"b@example.org"}"#)?.subject, "");
/// assert_eq!(Email::QUEUE.as_str(), "emails");
/// assert_eq!(Email::OPTIONS.max_attempts, 5);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
///
/// # Options
/// All are optional and stand in `#[redis_task(…)]` on the type. Each call that enqueues can still say otherwise.
///
/// | option | meaning | by default |
/// |---|---|---|
/// | `queue = "emails"` | the queue's name: 1 to 255 bytes without braces, control characters or outer spaces | the type's name in snake case: `HTTPPing` goes to `http_ping` |
/// | `max_attempts = 5` | how many times a task is run before it goes to the dead letters, at least 1 | `TaskOptions::DEFAULT_MAX_ATTEMPTS` |
/// | `backoff = "exponential(1s, 1h)"` | the wait after a failed attempt: the first wait and the longest; it doubles in between | `Backoff::DEFAULT` |
/// | `backoff = "fixed(10s)"` | the same wait after every failed attempt | |
/// | `timeout = "30s"` | how long one attempt may run; `"none"` is for ever | `TaskOptions::DEFAULT_TIMEOUT` |
/// | `unique_for = "10m"` | while a task with the same content is pending, and at most this long, another is not enqueued | every task is enqueued |
/// | `wire = "bare"` | the queue holds payloads alone, for consumers that know nothing of envelopes; not with `unique_for` | `"envelope"` |
/// | `debounce = "2s"` | the type is `Debounced`: a trigger fires 2 s later, and puts the task into the queue; see below | it is not |
/// | `crate = "path::to::redis_ext"` | where this crate is, if it was renamed or comes through another; the quotes may be left out | `::redis_ext` |
///
/// A duration is a whole number with a unit, `ms`, `s`, `m`, `h` or `d`, or several that add up: `"250ms"`,
/// `"1h30m"`. It is longer than zero.
///
/// # Debouncing
/// With `debounce`, `task.debounce(&backend)` triggers the task, and a `DebounceScheduler` enqueues it when it fires.
///
/// | option | meaning | by default |
/// |---|---|---|
/// | `debounce = "2s"` | fires 2 s after the first trigger; those that come meanwhile are dropped | |
/// | `debounce = "trailing(2s)"` | fires 2 s after the last trigger | what `"2s"` is with `max_wait` or `max_count` |
/// | `debounce = "leading(2s)"` | fires at once, and drops triggers for 2 s | |
/// | `debounce = "window(1m, 5s)"` | fires once for each minute that had a trigger, 5 s after its end | the 5 s may be left out: none |
/// | `max_wait = "30s"` | a trailing one fires so long after the first trigger at the latest | no bound |
/// | `max_count = 100` | a trailing one fires with the trigger of this number | no bound |
/// | `key = "user_id"` | triggers are told apart by these fields, with commas between them | by the whole content |
/// | `payload = "first"` | which task fires where several have the same key: `"first"`, `"last"`, or with `"accumulate(100)"` all, as a `Burst` | the last one of a trailing one, otherwise the first |
///
/// With `unique_for` a firing waits while the task of an earlier one is in the queue or running.
///
/// ```
/// use redis_ext::{Debounce, Debounced, RedisTask};
/// use std::time::Duration;
///
/// #[derive(RedisTask)]
/// #[redis_task(debounce = "2s", max_wait = "30s", key = "user_id")]
/// struct Notify { user_id: u64, unread: u32 }
///
/// let policy = Debounce::trailing(Duration::from_secs(2)).max_wait(Duration::from_secs(30));
/// assert_eq!(Notify::DEBOUNCE, policy);
/// let mut key = Vec::new();
/// assert!(Notify { user_id: 7, unread: 1 }.debounce_key(&mut key)?);
/// assert_eq!(key, br#"{"user_id":7}"#);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
///
/// # The payload
/// The payload is the JSON that serde's derives would make of the type, and all of serde's attributes work:
/// `rename`, `default`, `skip`, `with`, `flatten`, `tag`, `untagged`, `from`, `transparent` and the rest. Only
/// `remote` and `getter`, which describe a type from elsewhere, are refused.
///
/// This needs neither a `derive(Serialize, Deserialize)` nor serde among one's dependencies, and implements
/// neither trait. A type that has them too, by derive or by hand, keeps them; the payload goes by the attributes
/// alone. The types of the *fields* must implement serde's traits, the task's own if it holds itself.
///
/// ```
/// use redis_ext::RedisTask;
///
/// #[derive(RedisTask)]
/// #[serde(tag = "type", rename_all = "snake_case")]
/// enum Image {
///     Resize { id: u64, width: u32 },
///     Remove { id: u64 },
/// }
///
/// let mut payload = Vec::new();
/// Image::Remove { id: 7 }.encode(&mut payload)?;
/// assert_eq!(payload, br#"{"type":"remove","id":7}"#);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
///
/// # Generic types
/// A generic type is a task where its parameters can be serialized, by serde's rules, and where it is
/// `Send + 'static`. As with serde's derives, `#[serde(bound = "…")]` takes the place of what is inferred. All
/// instances share one queue, unless they are enqueued to another.
///
/// ```
/// use redis_ext::RedisTask;
///
/// #[derive(RedisTask)]
/// struct Batch<T> {
///     items: Vec<T>,
/// }
///
/// assert_eq!(Batch::<String>::decode(br#"{"items":["a"]}"#)?.items, ["a"]);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
///
/// A task outlives the code that enqueues it, so types with lifetimes and unions are refused:
///
/// ```compile_fail
/// use redis_ext::RedisTask;
///
/// #[derive(RedisTask)]
/// struct Email<'a> {
///     to: &'a str, // own it: `String`
/// }
/// ```
#[proc_macro_derive(RedisTask, attributes(redis_task, serde))]
pub fn derive_redis_task(input: TokenStream) -> TokenStream {
    expand::derive(&parse_macro_input!(input as DeriveInput)).into()
}
