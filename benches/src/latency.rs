//! Latencies, collected in a histogram of three digits, and the percentiles of it that are reported.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

/// The latencies of one run. Between processes they travel as pairs of nanoseconds and how often there were so many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Latencies(Histogram<u64>);

/// Percentiles of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 were no longer.
    pub p99: f64,
    /// 999 of 1000 were no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants, in order, and three digits are allowed")]
        Self(Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, 3).expect("the bounds are valid"))
    }

    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds those of another run.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0 += &others.0;
        self
    }

    /// Their percentiles; none if there are no latencies.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        (!self.0.is_empty()).then(|| Percentiles {
            p50: self.micros(0.5),
            p99: self.micros(0.99),
            p999: self.micros(0.999),
            max: self.micros(1.0),
        })
    }

    /// How the latencies are distributed: for shares of the tasks from none to all but one in 10,000, closer together
    /// towards the end, the microseconds that so many took at most.
    #[must_use]
    pub fn distribution(&self) -> Vec<(f64, f64)> {
        let shares = (0..=80).map(|step| 1.0 - 10f64.powf(-f64::from(step) / 20.0));
        shares.map(|share| (share, self.micros(share))).collect()
    }

    fn micros(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Vec<(u64, u64)>> for Latencies {
    fn from(counts: Vec<(u64, u64)>) -> Self {
        let mut latencies = Self::new();
        counts.into_iter().for_each(|(nanos, count)| latencies.0.saturating_record_n(nanos, count));
        latencies
    }
}

impl From<Latencies> for Vec<(u64, u64)> {
    fn from(Latencies(histogram): Latencies) -> Self {
        histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_since_last_iteration())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Latencies {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|micros| latencies.record(Duration::from_micros(micros)));
        latencies
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        assert_eq!(Latencies::new().percentiles(), None);
        let percentiles = thousand().percentiles().expect("some were recorded");
        for (found, expected) in [(percentiles.p50, 500.0), (percentiles.p99, 990.0), (percentiles.max, 1000.0)] {
            assert!((found - expected).abs() <= expected / 500.0, "{found} is not about {expected}");
        }
    }

    #[test]
    fn latencies_travel_between_processes() {
        let json = serde_json::to_string(&thousand()).expect("they have a JSON form");
        let arrived: Latencies = serde_json::from_str(&json).expect("which can be read");
        assert_eq!(arrived.percentiles(), thousand().percentiles());
    }
}
