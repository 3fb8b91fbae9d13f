//! What the tests of redis-ext share: real Redis servers and Python programs, started and stopped by the tests that need
//! them.
//!
//! The tests themselves are in `tests/`, a file a theme.

#![expect(clippy::expect_used, reason = "a harness that cannot do its work fails the test")]

mod jobs;
mod ledger;
mod proxy;
mod python;
mod raw;
mod redis_server;
mod view;

use std::{future::Future, time::Duration};

pub use jobs::{Job, Kind, undecodable};
pub use ledger::{Begun, Ledger, Run};
pub use proxy::{Command, Fault, Proxy};
pub use python::{Python, PythonProcess};
pub use raw::Raw;
pub use redis_server::{RedisServer, RedisServerBuilder};
pub use view::View;

/// Waits until `condition` holds, looking often.
///
/// # Panics
/// When it does not hold within 30 seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let begun = tokio::time::Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "still not so after 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
