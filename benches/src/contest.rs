//! Contestants that run in turns, and how each came out beside the first.

use std::time::Duration;

use serde::Serialize;

use crate::{Latencies, Options, Percentiles, Sample, table::grouped};

/// Several ways of doing the same. The first is what the others are compared with.
#[must_use = "nothing runs before `hold`"]
pub struct Contest<'a> {
    name: String,
    unit: &'static str,
    over: Option<&'static str>,
    contestants: Vec<Contestant<'a>>,
}

struct Contestant<'a> {
    name: String,
    at: Option<f64>,
    run: Box<dyn FnMut(Duration) -> Sample + 'a>,
}

/// A contest that was held.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What it was about.
    pub contest: String,
    /// What an operation is, in the plural.
    pub unit: &'static str,
    /// What the contestants differ in, if that is a quantity.
    pub over: Option<&'static str>,
    /// The contestants in their order.
    pub standings: Vec<Standing>,
}

/// How a contestant came out: medians over its runs.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Who it was.
    pub contestant: String,
    /// How much it has of the quantity in which the contestants differ.
    pub at: Option<f64>,
    /// Operations a second.
    pub rate: Spread,
    /// That rate, as a multiple of the first contestant's.
    pub rate_ratio: f64,
    /// Microseconds of the server's processor time for each operation.
    pub server_micros: Option<f64>,
    /// Microseconds of the measured process's processor time for each operation.
    pub own_micros: Option<f64>,
    /// The most megabytes that the server has had at once since it began.
    pub server_megabytes: Option<f64>,
    /// The most megabytes that the measured process has had at once since it began.
    pub own_megabytes: Option<f64>,
    /// The percentiles of the latencies, each of them the median of that percentile.
    pub latency: Option<Percentiles>,
    /// Those percentiles, as multiples of the first contestant's.
    pub latency_ratio: Option<Percentiles>,
    /// The latencies of all runs together; see [`Latencies::distribution`].
    pub distribution: Vec<(f64, f64)>,
}

/// What several runs came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the runs came to less.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl<'a> Contest<'a> {
    /// A contest without contestants, about something whose operations are counted in `unit`s.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, over: None, contestants: Vec::new() }
    }

    /// Makes it a measurement of growth, with `quantity`.
    pub fn over(self, quantity: &'static str) -> Self {
        Self { over: Some(quantity), ..self }
    }

    /// Adds a contestant; `run` goes on for about the time it is given.
    pub fn contestant(mut self, name: impl Into<String>, run: impl FnMut(Duration) -> Sample + 'a) -> Self {
        self.contestants.push(Contestant { name: name.into(), at: None, run: Box::new(run) });
        self
    }

    /// Adds a contestant that has so much of the [quantity](Self::over).
    pub fn contestant_at(mut self, at: usize, run: impl FnMut(Duration) -> Sample + 'a) -> Self {
        let contestant = Contestant { name: grouped(at as f64), at: Some(at as f64), run: Box::new(run) };
        self.contestants.push(contestant);
        self
    }

    /// Lets the contestants run in turns, every other round from the last to the first, so that what changes with time
    /// falls on all alike. Where the options leave this contest out, nobody runs.
    #[must_use]
    pub fn hold(mut self, options: &Options) -> Outcome {
        if !options.wants(&self.name) {
            self.contestants.clear();
        }
        let mut samples = vec![Vec::new(); self.contestants.len()];
        for round in 0..options.rounds() {
            let mut order: Vec<_> = (0..self.contestants.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for number in order {
                samples[number].push((self.contestants[number].run)(options.time()));
            }
        }
        let contestants = self.contestants.into_iter().zip(&samples);
        let mut standings: Vec<_> =
            contestants.map(|(contestant, samples)| Standing::of(contestant, samples)).collect();
        if let Some(first) = standings.first() {
            let (rate, latency) = (first.rate.median, first.latency);
            standings.iter_mut().for_each(|standing| standing.compare(rate, latency));
        }
        Outcome { contest: self.name, unit: self.unit, over: self.over, standings }
    }
}

impl Standing {
    fn of(Contestant { name, at, .. }: Contestant<'_>, samples: &[Sample]) -> Self {
        Self {
            contestant: name,
            at,
            rate: Spread::of(samples.iter().map(Sample::rate)),
            rate_ratio: 1.0,
            server_micros: median_if_known(samples.iter().map(|sample| sample.micros_each(sample.server_cpu))),
            own_micros: median_if_known(samples.iter().map(|sample| sample.micros_each(sample.own_cpu))),
            server_megabytes: median_if_known(samples.iter().map(|sample| megabytes(sample.server_memory))),
            own_megabytes: median_if_known(samples.iter().map(|sample| megabytes(sample.own_memory))),
            latency: Percentiles::median(samples.iter().map(|sample| sample.latencies.as_ref()?.percentiles())),
            latency_ratio: None,
            distribution: all_latencies(samples).map_or_else(Vec::new, |latencies| latencies.distribution()),
        }
    }

    fn compare(&mut self, rate: f64, latency: Option<Percentiles>) {
        self.rate_ratio = self.rate.median / rate;
        self.latency_ratio = self.latency.zip(latency).map(|(own, first)| own.over(first));
    }
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
        Self { median: f64::midpoint(at(low), at(high)), min: at(0), max: at(values.len().saturating_sub(1)) }
    }
}

fn megabytes(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| bytes as f64 / 1e6)
}

fn all_latencies(samples: &[Sample]) -> Option<Latencies> {
    samples.iter().filter_map(|sample| sample.latencies.clone()).reduce(|all, more| all.and(&more))
}

/// The median, unless some value is unknown.
fn median_if_known(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Option<Vec<_>> = values.collect();
    Some(Spread::of(values?.into_iter()).median)
}

impl Percentiles {
    fn median(runs: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let runs: Vec<_> = runs.collect::<Option<_>>()?;
        let median = |of: fn(&Self) -> f64| Spread::of(runs.iter().map(of)).median;
        Some(Self {
            p50: median(|run| run.p50),
            p99: median(|run| run.p99),
            p999: median(|run| run.p999),
            max: median(|run| run.max),
        })
    }

    fn over(self, other: Self) -> Self {
        Self {
            p50: self.p50 / other.p50,
            p99: self.p99 / other.p99,
            p999: self.p999 / other.p999,
            max: self.max / other.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn sample(operations: u64) -> Sample {
        Sample {
            operations,
            elapsed: Duration::from_secs(1),
            server_cpu: Some(Duration::from_millis(500)),
            own_cpu: None,
            server_memory: None,
            own_memory: None,
            latencies: None,
        }
    }

    #[test]
    fn contestants_run_in_turns_and_the_order_turns_too() {
        let order = RefCell::new(String::new());
        let run = |name| {
            let order = &order;
            move |_| {
                order.borrow_mut().push(name);
                sample(1)
            }
        };
        let options = Options::default().with_rounds(3);
        let _outcome = Contest::new("", "").contestant("a", run('a')).contestant("b", run('b')).hold(&options);
        assert_eq!(*order.borrow(), "abbaab");
    }

    #[test]
    fn a_contestant_is_told_by_its_median_run() {
        let mut rates = [10, 1000, 30].into_iter();
        let options = Options::default().with_rounds(3);
        let outcome = Contest::new("", "")
            .contestant("steady", |_| sample(10))
            .contestant("moody", |_| sample(rates.next().expect("there are three rounds")))
            .hold(&options);
        let moody = &outcome.standings[1];
        assert_eq!(moody.rate, Spread { median: 30.0, min: 10.0, max: 1000.0 });
        assert_eq!((moody.rate_ratio, moody.own_micros), (3.0, None));
        assert_eq!(outcome.standings[0].server_micros, Some(50_000.0));
    }
}
