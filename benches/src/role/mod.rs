//! The other processes of a benchmark: its own program, started again with a role to play.
//!
//! A role says `ready` on its standard output once it can be measured, and at its end prints its [`Sample`] as JSON.
//! Programs in other languages that do the same can take part.

mod producer;
mod waiter;
mod worker;

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde::{Deserialize, Serialize};

pub use self::{producer::Producer, waiter::Waiter, worker::Worker};
use crate::Sample;

/// The first argument of a program that is to play a role; the second is the role as JSON.
const ARGUMENT: &str = "role";

/// What a process is there for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Role {
    /// It fills a queue.
    Producer(Producer),
    /// It works queues off.
    Worker(Worker),
    /// It takes what is pushed to a list, without any promise.
    Waiter(Waiter),
}

impl Role {
    /// Plays the role that this process was started for, and then ends it; does nothing in one without a role. Every
    /// program calls it first.
    pub fn play_if_asked() {
        let mut arguments = env::args().skip(1);
        if arguments.next().as_deref() != Some(ARGUMENT) {
            return;
        }
        #[expect(clippy::expect_used, reason = "only `cast` gives this argument")]
        let role: Self = serde_json::from_str(&arguments.next().unwrap_or_default()).expect("it is a role");
        let sample = match role {
            Self::Producer(producer) => producer.play(),
            Self::Worker(worker) => worker.play(),
            Self::Waiter(waiter) => waiter.play(),
        };
        tell(&sample);
        std::process::exit(0);
    }

    /// Starts a process for the role.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
    pub fn cast(&self) -> Player {
        let mut program = Command::new(env::current_exe().expect("the program knows its file"));
        program.arg(ARGUMENT).arg(serde_json::to_string(self).expect("a role has a JSON form"));
        Player::start(&mut program)
    }
}

/// Tells the process that started this one what the measurement came to.
pub fn tell(sample: &Sample) {
    #[expect(clippy::expect_used, reason = "numbers have a JSON form")]
    let json = serde_json::to_string(sample).expect("a sample has a JSON form");
    println!("{json}");
}

/// A process that plays a role, killed on drop.
#[derive(Debug)]
pub struct Player {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Player {
    /// Starts a program that plays a role.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]
    pub fn start(program: &mut Command) -> Self {
        let mut process =
            program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program can be started");
        let output = process.stdout.take().expect("its output is piped");
        Self { process, output: BufReader::new(output) }
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it ends before.
    pub fn await_ready(&mut self) {
        let line = self.line();
        assert_eq!(line.as_deref(), Some("ready"), "the process is not ready");
    }

    /// Waits for its end, and gives what it has measured; none if it has failed.
    pub fn finish(mut self) -> Option<Sample> {
        while let Some(line) = self.line() {
            if let Ok(sample) = serde_json::from_str(&line) {
                return Some(sample);
            }
        }
        None
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line).unwrap_or(0);
        (bytes > 0).then(|| line.trim_end().to_owned())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
