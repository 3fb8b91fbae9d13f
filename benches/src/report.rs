//! What a program found: tables as it goes, and at its end all figures as JSON where that was asked for.

use std::{collections::BTreeMap, fs, io, thread};

use redis_ext_tests::RedisServer;
use serde::Serialize;

use crate::{Options, Outcome, plot};

/// The outcomes of a program's contests.
#[derive(Debug)]
#[must_use = "the figures are written by `finish`"]
pub struct Report {
    options: Options,
    figures: Figures,
}

#[derive(Debug, Serialize)]
struct Figures {
    program: &'static str,
    facts: BTreeMap<&'static str, String>,
    seconds: f64,
    rounds: usize,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// An empty report, with facts of the machine, the server, and the options that the program runs with.
    pub fn new(program: &'static str, options: Options) -> Self {
        let cores = thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
        let (seconds, rounds) = (options.time().as_secs_f64(), options.rounds());
        println!("{program}: medians of {rounds} runs of {seconds} s each, in turns");
        if options.is_quick() {
            println!("a quick run: the figures mean nothing");
        }
        if cfg!(debug_assertions) {
            println!("an unoptimized build: the figures mean nothing");
        }
        let facts = BTreeMap::new();
        let figures = Figures { program, facts, seconds, rounds, outcomes: Vec::new() };
        Self { options, figures }
            .fact("processor", processor())
            .fact("cores", cores)
            .fact("server", RedisServer::version())
    }

    /// Adds a fact that figures depend on, such as a size.
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        println!("{name}: {value}");
        self.figures.facts.insert(name, value);
        self
    }

    /// Adds an outcome, and prints it; one in which nobody ran is left out.
    pub fn add(&mut self, outcome: Outcome) {
        if outcome.standings.is_empty() {
            return;
        }
        println!("\n{outcome}");
        self.figures.outcomes.push(outcome);
    }

    /// Writes the JSON file and the pictures, if they were asked for.
    ///
    /// # Errors
    /// Those of writing them.
    pub fn finish(self) -> io::Result<()> {
        if let Some(directory) = self.options.plots() {
            fs::create_dir_all(directory)?;
            for outcome in &self.figures.outcomes {
                let file = directory.join(format!("{}.svg", file_name(&outcome.contest)));
                plot::outcome(outcome, &file).map_err(|error| io::Error::other(error.to_string()))?;
            }
        }
        let Some(file) = self.options.json() else { return Ok(()) };
        let mut json = serde_json::to_vec_pretty(&self.figures)?;
        json.push(b'\n');
        fs::write(file, json)
    }
}

/// `idle pickup, push to handler` is `idle-pickup-push-to-handler`.
fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// The processor's name, where the system tells.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "unknown".into(), |(_, name)| name.trim().to_owned())
}
