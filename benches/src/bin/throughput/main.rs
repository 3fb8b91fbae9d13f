//! How fast the product is, on a server of its own, beside what bare Redis can do and beside its peers.
//!
//! Workers and producers are processes of their own, as in production. Each run has a fresh server.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod enqueueing;
mod limits;
mod peer;
mod pickup;
mod working;

use std::io;

use clap::Parser;
use redis_ext_benches::{Options, Report, Role};

use self::peer::Peer;

/// How fast tasks are enqueued, picked up and worked off.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Another queue to run beside this one, as `NAME=COMMAND`. The command plays a worker: see benches/queues.
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    peers: Vec<Peer>,
}

fn main() -> io::Result<()> {
    Role::play_if_asked();
    let Arguments { options, peers } = Arguments::parse();
    let mut report = Report::new("throughput", options.clone());
    report.add(working::backlog(&options));
    if !peers.is_empty() {
        report.add(working::beside_peers(&peers, &options));
    }
    report.add(working::push_to_settle(&options));
    report.add(working::latency_under_load(&options));
    report.add(pickup::idle(&options));
    report.add(enqueueing::enqueueing(&options));
    report.add(limits::exchange(&options));
    report.finish()
}
