//! Latencies, collected in a histogram of three digits, and the percentiles of it that are reported.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

/// The latencies of one run.
#[derive(Debug, Clone)]
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

    /// Their percentiles; none if there are no latencies.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        (!self.0.is_empty()).then(|| Percentiles {
            p50: micros(0.5),
            p99: micros(0.99),
            p999: micros(0.999),
            max: micros(1.0),
        })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentiles(), None);
        (1..=1000).for_each(|micros| latencies.record(Duration::from_micros(micros)));
        let percentiles = latencies.percentiles().expect("some were recorded");
        for (found, expected) in [(percentiles.p50, 500.0), (percentiles.p99, 990.0), (percentiles.max, 1000.0)] {
            assert!((found - expected).abs() <= expected / 500.0, "{found} is not about {expected}");
        }
    }
}
