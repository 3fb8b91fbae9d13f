//! One run of one contestant, measured.

use std::time::{Duration, Instant};

use redis_ext_tests::RedisServer;

use crate::{Latencies, Percentiles, cpu};

/// What one run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How many operations were done.
    pub operations: u64,
    /// In what time.
    pub elapsed: Duration,
    /// The processor time that the server used, where the system tells.
    pub server_cpu: Option<Duration>,
    /// The processor time that this process used, where the system tells.
    pub own_cpu: Option<Duration>,
    /// How long single operations took, if that was measured.
    pub latency: Option<Percentiles>,
}

/// Measures a run from its start to its stop.
#[derive(Debug)]
pub struct Stopwatch {
    server: Option<u32>,
    server_cpu: Option<Duration>,
    own_cpu: Option<Duration>,
    begun: Instant,
}

impl Stopwatch {
    /// Starts now; the server's processor time counts from here on, too.
    #[must_use]
    pub fn start(server: &RedisServer) -> Self {
        let server = server.pid();
        Self { server, server_cpu: server_cpu(server), own_cpu: cpu::used_by("self"), begun: Instant::now() }
    }

    /// How long it has been running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Stops now, after this many operations.
    #[must_use]
    pub fn stop(self, operations: u64) -> Sample {
        let elapsed = self.begun.elapsed();
        let since = |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        Sample {
            operations,
            elapsed,
            server_cpu: since(server_cpu(self.server), self.server_cpu),
            own_cpu: since(cpu::used_by("self"), self.own_cpu),
            latency: None,
        }
    }
}

fn server_cpu(server: Option<u32>) -> Option<Duration> {
    cpu::used_by(&server?.to_string())
}

impl Sample {
    /// The same run with the latencies of its operations.
    #[must_use]
    pub fn with_latencies(self, latencies: &Latencies) -> Self {
        Self { latency: latencies.percentiles(), ..self }
    }

    /// Operations a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of `cpu` for each operation.
    pub(crate) fn micros_each(&self, cpu: Option<Duration>) -> Option<f64> {
        Some(cpu?.as_secs_f64() * 1e6 / self.operations as f64)
    }
}
