//! A search index that is rebuilt once after a burst of edits, not once for each: files are watched, each change triggers,
//! and the rebuild comes when nothing has changed for a quarter of a second, or after two seconds of changes at the latest.
//!
//! ```console
//! $ cargo run --example debounce             # then edit files in target/notes
//! $ cargo run --example debounce -- --demo   # edits them by itself, and ends
//! ```

mod index;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use index::Index;
use notify::{EventKind, RecursiveMode, Watcher as _};
use redis_ext::prelude::*;
use tokio::sync::mpsc;

/// With `unique_for`, a rebuild waits until the one before it has ended.
#[derive(Debug, Clone, RedisTask)]
#[redis_task(debounce = "250ms", max_wait = "2s", unique_for = "5m")]
struct Rebuild {
    directory: PathBuf,
}

static REBUILDS: AtomicUsize = AtomicUsize::new(0);

fn rebuild(task: &Rebuild) -> Result<(), TaskError> {
    let index = Index::rebuild(&task.directory)?;
    println!("rebuild {}: {} words", REBUILDS.fetch_add(1, Relaxed) + 1, index.len());
    Ok(())
}

/// Tells of each change in the directory, for as long as the watcher lives.
fn watch(directory: &Path) -> notify::Result<(notify::RecommendedWatcher, mpsc::UnboundedReceiver<()>)> {
    let (changed, changes) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // Nobody listens any more when the program ends.
            let _ = changed.send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok((watcher, changes))
}

/// Two bursts of edits, as somebody who types and saves makes them.
async fn edit(directory: &Path) -> anyhow::Result<()> {
    for burst in ["one", "two"] {
        for edit in 0..40 {
            let text = format!("Burst {burst}, edit {edit}: the quick brown fox jumps over draft{edit}.");
            fs::write(directory.join(format!("note-{}.txt", edit % 4)), text)?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("40 edits made");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let is_demo = env::args().any(|argument| argument == "--demo") || env::var_os("CI").is_some();
    let backend = redis_ext_examples::backend().await?;
    let directory = env::current_dir()?.join("target/notes");
    fs::create_dir_all(&directory)?;
    let (watcher, mut changes) = watch(&directory)?;

    let scheduler = DebounceScheduler::builder(backend.clone()).task::<Rebuild>().start()?;
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler_blocking(Concurrency::new(1), |task: Task<Rebuild>| rebuild(&task))
        .start()?;
    let task = Rebuild { directory: directory.clone() };
    let triggering = actix::spawn(async move {
        let mut count = 0;
        while changes.recv().await.is_some() {
            task.debounce(&backend).await?;
            count += 1;
        }
        Ok::<_, redis_ext::Error>(count)
    });
    if !is_demo {
        println!("watching {}: edit files there; Ctrl-C ends", directory.display());
        return Ok(workers.run_until_signal().await?);
    }
    edit(&directory).await?;
    drop(watcher);
    let triggers = triggering.await??;
    scheduler.run_until_idle().await?;
    workers.run_until_idle().await?;
    let found = Index::load(&directory)?.search("draft39").join(", ");
    println!("{triggers} changes, {} rebuilds; draft39 is in {found}", REBUILDS.load(Relaxed));
    anyhow::ensure!(
        found == "note-3.txt" && REBUILDS.load(Relaxed) < triggers / 4,
        "the index is not what it should be"
    );
    Ok(())
}
