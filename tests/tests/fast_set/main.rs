//! The cached set on a real server: who else may change it, what can go wrong, and what a view shows then.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod history;
mod others;
mod trouble;

use std::{collections::BTreeSet, time::Duration};

use redis_ext::{FastSet, RedisBackend, fast_set::FastSetError};
use redis_ext_tests::{Raw, RedisServer, eventually};

async fn connect(url: &str) -> RedisBackend {
    RedisBackend::builder(url).response_timeout(Duration::from_secs(1)).connect().await.unwrap()
}

async fn open(backend: &RedisBackend, name: &str) -> FastSet<u32> {
    FastSet::builder(backend.clone(), name).heartbeat(Duration::from_millis(200)).open().await.unwrap()
}

/// Waits until the view shows these members, without a write and without a look that anyone asks for.
async fn shows(set: &FastSet<u32>, members: &[u32]) {
    let members: BTreeSet<_> = members.iter().copied().collect();
    eventually(&format!("{} shows {members:?}, and not {set:?}", set.name()), || async {
        set.snapshot().is_ok_and(|snapshot| snapshot.iter().copied().collect::<BTreeSet<_>>() == members)
    })
    .await;
}
