//! An end in good order: on SIGTERM or Ctrl-C no more tasks are claimed, running ones may end within the grace time,
//! and what has not ended by then goes back to the queue. Nothing is lost, and nothing stays claimed.
//!
//! ```console
//! $ cargo run --example shutdown              # press Ctrl-C when you like; a second time to cut the grace time short
//! $ cargo run --example shutdown -- --demo    # sends itself a SIGTERM after a moment; so it does where CI is set
//! ```
//!
//! With REDIS_URL set, the next run begins with the reports that this one gave back.

use std::{env, process::Command, time::Duration};

use anyhow::ensure;
use redis_ext::prelude::*;

#[derive(Debug, RedisTask)]
#[redis_task(queue = "reports", unique_for = "1h")]
struct Report {
    month: u32,
    millis: u64,
}

/// A report being written. It is dropped unfinished when the grace time of a shutdown is over.
struct Draft {
    month: u32,
    finished: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let end = if self.finished { "finished" } else { "aborted: it goes back to the queue" };
        println!("  report {:>2}  {end}", self.month);
    }
}

async fn write(report: Task<Report>) -> Result<(), TaskError> {
    println!("  report {:>2}  begun, will take {} ms", report.month, report.millis);
    let mut draft = Draft { month: report.month, finished: false };
    tokio::time::sleep(Duration::from_millis(report.millis)).await;
    draft.finished = true;
    Ok(())
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let backend = redis_ext_examples::backend().await?;
    // Some are quick, some are still running when the signal comes, and every fourth takes too long for any grace.
    let reports = (1..=12).map(|month| Report { month, millis: [150, 300, 900, 60_000][month as usize % 4] });
    Report::enqueue_many(&backend, reports).await?;

    let workers = WorkerSupervisor::builder(backend.clone())
        .handler_fn(Concurrency::new(3), write)
        .grace(Duration::from_secs(1))
        .start()?;

    if env::var_os("CI").is_some() || env::args().any(|argument| argument == "--demo") {
        actix::spawn(terminate_in(Duration::from_millis(600)));
    } else {
        println!("Press Ctrl-C to end this.");
    }
    workers.run_until_signal().await?;

    let queue = Queue::of::<Report>(&backend).stats().await?;
    println!("\nIn the queue for the next worker: {}. Still claimed: {}.", queue.ready, queue.claimed);
    ensure!(queue.claimed == 0, "tasks were left claimed");
    Ok(())
}

/// Does what an orchestrator does: sends this process a SIGTERM. The shell is the portable way without unsafe code.
async fn terminate_in(delay: Duration) {
    tokio::time::sleep(delay).await;
    println!("\nSIGTERM: running reports have one second.");
    if let Err(error) = Command::new("sh").args(["-c", "kill -TERM $PPID"]).spawn() {
        eprintln!("cannot send a signal, press Ctrl-C instead: {error}");
    }
}
