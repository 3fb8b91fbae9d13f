//! The options that every benchmark program has.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser};

/// How long to measure, and where to write the figures.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How many seconds each run of a contestant takes.
    #[arg(long, default_value_t = Self::default().seconds)]
    seconds: f64,
    /// How many times each contestant runs, in turns with the others.
    #[arg(long, default_value_t = Self::default().rounds)]
    rounds: usize,
    /// Show that the program works: one round of a tenth of a second, whose figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Hold only the contests whose title contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the figures as JSON to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the figures as SVG files in this directory, too.
    #[arg(long, value_name = "DIRECTORY")]
    plots: Option<PathBuf>,
}

impl Default for Options {
    /// Five rounds of a second.
    fn default() -> Self {
        Self { seconds: 1.0, rounds: 5, quick: false, only: None, json: None, plots: None }
    }
}

/// A program without options of its own.
#[derive(Parser)]
struct Plain {
    #[command(flatten)]
    options: Options,
}

impl Options {
    /// Those on the command line of a program that has no others; a program that has some flattens this type into its
    /// own.
    #[must_use]
    pub fn parse() -> Self {
        Plain::parse().options
    }

    /// Those of `--quick`.
    #[must_use]
    pub fn quick() -> Self {
        Self { quick: true, ..Self::default() }
    }

    /// The same with this many rounds.
    #[must_use]
    pub fn with_rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// How long each run takes.
    #[must_use]
    pub fn time(&self) -> Duration {
        let seconds = if self.quick { 0.1 } else { self.seconds };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many times each contestant runs.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// Whether the figures mean nothing.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    pub(crate) fn wants(&self, contest: &str) -> bool {
        self.only.as_ref().is_none_or(|text| contest.contains(text))
    }

    pub(crate) fn plots(&self) -> Option<&PathBuf> {
        self.plots.as_ref()
    }

    pub(crate) fn json(&self) -> Option<&PathBuf> {
        self.json.as_ref()
    }
}
