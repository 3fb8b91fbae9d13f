//! Feature flags: toggled in one process, read in a hot loop in another, with the time from the one to the other
//! measured live.
//!
//! ```console
//! $ REDIS_URL=redis://127.0.0.1/ cargo run --example feature_flags   # starts the reader as a process of its own
//! $ cargo run --example feature_flags                                # in memory: the reader is a thread
//! ```

use std::{
    env,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redis_ext::{FastSet, fast_set::Edit};
use serde::{Deserialize, Serialize};

const TOGGLES: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Flag {
    DarkMode,
    /// When the flags were changed last, in microseconds since 1970: what the reader compares its clock with.
    ChangedAt(u128),
    /// The reader may go.
    Stop,
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let backend = redis_ext_examples::backend().await?;
    let flags: FastSet<Flag> = FastSet::builder(backend, "feature_flags").open().await?;
    if env::args().any(|argument| argument == "read") {
        return tokio::task::spawn_blocking(move || read(&flags)).await?;
    }
    flags.clear().await?;

    let is_shared = env::var_os("REDIS_URL").is_some();
    let reader = flags.clone();
    let reader = tokio::task::spawn_blocking(move || {
        if !is_shared {
            return read(&reader);
        }
        let reader = Command::new(env::current_exe()?).arg("read").status()?;
        anyhow::ensure!(reader.success(), "the reader failed");
        Ok(())
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    for toggle in 0..TOGGLES {
        change(&flags, if toggle % 2 == 0 { vec![Flag::DarkMode] } else { vec![] }).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    change(&flags, vec![Flag::Stop]).await?;
    reader.await?
}

/// These are the flags from now on: one version, whatever it changes.
async fn change(flags: &FastSet<Flag>, mut on: Vec<Flag>) -> anyhow::Result<()> {
    on.push(Flag::ChangedAt(now()));
    flags.update(|was| Edit { add: on.clone(), remove: was.iter().cloned().collect() }).await?;
    Ok(())
}

/// The hot loop: what a request handler does, millions of times a second. It has a thread of its own, as the arbiter keeps
/// the view up to date meanwhile.
fn read(flags: &FastSet<Flag>) -> anyhow::Result<()> {
    let (mut reads, mut was, mut delays) = (0_u64, flags.contains(&Flag::DarkMode)?, Vec::new());
    while !flags.contains(&Flag::Stop)? {
        reads += 1;
        let is = flags.contains(&Flag::DarkMode)?;
        if is != was {
            let seen = now();
            let flags = flags.snapshot()?;
            let changed = flags.iter().find_map(|flag| if let Flag::ChangedAt(at) = flag { Some(*at) } else { None });
            let delay = seen.saturating_sub(changed.unwrap_or(seen));
            println!("reader: dark mode is {}, seen {delay} µs later", if is { "on" } else { "off" });
            delays.push(delay);
            was = is;
        }
    }
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).ok_or_else(|| anyhow::anyhow!("no toggle was seen"))?;
    println!("reader: {reads} reads, and {} toggles, half of them seen within {median} µs", delays.len());
    Ok(())
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}
