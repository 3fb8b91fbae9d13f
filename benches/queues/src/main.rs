//! Works a backlog off with another task queue on Redis, and prints what it came to: a peer for `throughput --peer`.
//!
//! Each is configured as its documentation recommends for throughput. All run the same job, which does nothing, with the
//! same body and, where that can be set, as many at once. A run ends when the last job was handled; that its
//! acknowledgement may come later is in the peer's favour.

mod apalis_redis;
mod bullmq;
mod meter;
mod oxana;
mod sidekiq;

use std::{error::Error, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use self::meter::Meter;

/// After this long a run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The backlog, and who works it off.
#[derive(Debug, Clone, Parser)]
struct Run {
    /// Who it is.
    peer: Peer,
    /// The server.
    #[arg(long)]
    url: String,
    /// The server's process.
    #[arg(long)]
    server: u32,
    /// How many jobs there are.
    #[arg(long)]
    tasks: u64,
    /// The measurement begins after so many.
    #[arg(long)]
    warm_up: u64,
    /// How many jobs run at once.
    #[arg(long)]
    concurrency: usize,
    /// How long the body of a job is.
    #[arg(long)]
    body_bytes: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Peer {
    Apalis,
    Sidekiq,
    Oxana,
    Bullmq,
}

/// A job that does nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    body: String,
}

impl Run {
    /// With no more jobs than the peer can stand.
    fn within_reach(self) -> Self {
        match self.peer {
            Peer::Apalis => {
                let tasks = self.tasks.min(apalis_redis::MOST);
                Self { tasks, warm_up: self.warm_up.min(tasks / 5), ..self }
            }
            Peer::Sidekiq | Peer::Oxana | Peer::Bullmq => self,
        }
    }

    fn job(&self) -> Job {
        Job { body: "x".repeat(self.body_bytes) }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let run = Run::parse().within_reach();
    let meter = Meter::new(&run);
    let worked = Arc::clone(&meter);
    let peer = async {
        match run.peer {
            Peer::Apalis => apalis_redis::work(&run, meter).await,
            Peer::Sidekiq => sidekiq::work(&run, meter).await,
            Peer::Oxana => oxana::work(&run, meter).await,
            Peer::Bullmq => bullmq::work(&run, meter).await,
        }
    };
    tokio::select! {
        ended = peer => ended?,
        sample = worked.sample() => {
            redis_ext_benches::tell(&sample);
            std::process::exit(0);
        }
        () = tokio::time::sleep(PATIENCE) => {}
    }
    Err(format!("{:?} has not handled all jobs", run.peer).into())
}
