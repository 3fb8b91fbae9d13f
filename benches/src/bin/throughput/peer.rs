//! Another queue, driven by a program of its own that works a backlog off and prints what it came to.

use std::{process::Command, str::FromStr, time::Duration};

use redis_ext_benches::{Job, Player, Sample, in_time};
use redis_ext_tests::RedisServer;

/// About what the faster ones do a second, which decides how many tasks a run has.
const EXPECTED: f64 = 10_000.0;

/// How many tasks each of them runs at once.
const CONCURRENCY: usize = 64;

/// How to run another queue.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) name: String,
    command: Vec<String>,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("it must be NAME=COMMAND")?;
        let command: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        if command.is_empty() {
            return Err("the command is missing".to_owned());
        }
        Ok(Self { name: name.to_owned(), command })
    }
}

impl Peer {
    /// Has it enqueue tasks on the server and work them off. A peer that fails has done nothing.
    pub(crate) fn drain(&self, server: &RedisServer, time: Duration) -> Sample {
        let tasks = in_time(time, EXPECTED);
        let mut program = Command::new(&self.command[0]);
        program.args(&self.command[1..]);
        program.args(["--url", &server.url(), "--server", &server.pid().unwrap_or(0).to_string()]);
        program.args(["--tasks", &tasks.to_string(), "--warm-up", &(tasks / 5).to_string()]);
        program.args(["--concurrency", &CONCURRENCY.to_string(), "--body-bytes", &Job::SMALL.to_string()]);
        Player::start(&mut program).finish().unwrap_or_else(|| {
            eprintln!("{} has failed", self.name);
            Sample {
                operations: 0,
                elapsed: time,
                server_cpu: None,
                own_cpu: None,
                server_memory: None,
                own_memory: None,
                latencies: None,
            }
        })
    }
}
