//! Changes a set at random and tells what its views show: one process of the history checker.
//!
//! Arguments: `<url> <set> <who, 0…> <operations>`. Each line of output is a view as [`View`] reads it; or `own <number>
//! <version>`, where the number was inserted by nobody else, and the version is that of the view afterwards; or `done`.
//! After `done` it waits for a version on its standard input, and tells of the view of each handle once it has reached
//! that one.

#![expect(clippy::expect_used, reason = "a process that cannot go on fails its test")]

use std::{io::Write as _, time::Duration};

use fastrand::Rng;
use redis_ext::{
    BackendError, FastSet, RedisBackend,
    fast_set::{FastSetError, Snapshot, WhenStale},
};
use redis_ext_tests::{View, eventually};

/// How many handles with a view of their own a process has.
const HANDLES: usize = 3;

/// Numbers below this are everybody's; above, each handle has its own.
const SHARED: u32 = 50;

#[actix::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, set, who, operations] = arguments.as_slice() else { panic!("wrong arguments: {arguments:?}") };
    let (who, operations): (u32, usize) = (who.parse().expect("a number"), operations.parse().expect("a number"));
    let mut handles = Vec::new();
    for _ in 0..HANDLES {
        handles.push(open(url, set).await);
    }
    let storms = handles.iter().zip(0_u32..).map(|(handle, at)| {
        let first = (who * 10 + at + 1) * 100_000;
        storm(handle, first, operations / HANDLES, Rng::with_seed(u64::from(first)))
    });
    futures_util::future::join_all(storms).await;
    println!("done");
    let mut version = String::new();
    std::io::stdin().read_line(&mut version).expect("the version comes");
    let version: u64 = version.trim().parse().expect("a number");
    for handle in &handles {
        // Nothing is written any more, and nobody asks for a look.
        eventually(&format!("a view of the version {version}: {handle:?}"), || async {
            handle.freshness().version >= version
        })
        .await;
        tell(&handle.snapshot().expect("the view is fresh"));
    }
}

async fn open(url: &str, set: &str) -> FastSet<u32> {
    loop {
        let connected = RedisBackend::builder(url).response_timeout(Duration::from_millis(500)).connect().await;
        let Ok(backend) = connected else { continue };
        let builder = FastSet::builder(backend, set).heartbeat(Duration::from_millis(100));
        if let Ok(set) = builder.when_stale(WhenStale::ServeStale(Duration::from_secs(60))).open().await {
            return set;
        }
    }
}

async fn storm(set: &FastSet<u32>, first: u32, operations: usize, mut rng: Rng) {
    let (mut last, mut next) = (0, first);
    for _ in 0..operations {
        let number = rng.u32(..SHARED);
        let written = match rng.u32(..100) {
            0..25 => set.insert(number).await.map(drop),
            25..45 => set.remove(&number).await.map(drop),
            45..50 => set.extend((0..5).map(|_| rng.u32(..SHARED)).collect::<Vec<_>>()).await.map(drop),
            50..55 => set.pop().await.map(drop),
            55..60 => set.retain(|number| number % 7 != 3).await.map(drop),
            60 => set.replace((0..SHARED).filter(|_| rng.bool()).collect::<Vec<_>>()).await.map(drop),
            61..80 => {
                next += 1;
                let inserted = set.insert(next).await;
                if inserted.is_ok() {
                    println!("own {next} {}", set.freshness().version);
                }
                inserted.map(drop)
            }
            _ => Ok(()),
        };
        if let Err(error) = &written {
            assert!(is_expected(error), "{error:?}");
        }
        let snapshot = set.snapshot().expect("an old view may be served");
        assert!(snapshot.version() >= last, "the version went back from {last} to {}", snapshot.version());
        last = snapshot.version();
        tell(&snapshot);
    }
}

/// What a cut connection makes of a write, and what others do.
fn is_expected(error: &FastSetError) -> bool {
    match error {
        FastSetError::Backend(error) => BackendError::is_retryable(error),
        FastSetError::Contended { .. } => true,
        _ => false,
    }
}

fn tell(snapshot: &Snapshot<u32>) {
    let view = View::of(snapshot.version(), snapshot.iter().copied());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{view}").expect("the checker reads");
}
