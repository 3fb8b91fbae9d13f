//! One run of one contestant, measured.

use std::time::{Duration, Instant};

use redis_ext_tests::RedisServer;
use serde::{Deserialize, Serialize};

use crate::{Latencies, proc};

/// What one run came to. It is what a process that took part prints as JSON, and what programs in other languages do,
/// too: times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// How many operations were done.
    pub operations: u64,
    /// In what time.
    #[serde(with = "seconds")]
    pub elapsed: Duration,
    /// The processor time that the server used, where the system tells.
    #[serde(with = "maybe_seconds")]
    pub server_cpu: Option<Duration>,
    /// The processor time that the measured process used, where the system tells.
    #[serde(with = "maybe_seconds")]
    pub own_cpu: Option<Duration>,
    /// The most memory, in bytes, that the server has had at once since it began.
    pub server_memory: Option<u64>,
    /// The most memory, in bytes, that the measured process has had at once since it began.
    pub own_memory: Option<u64>,
    /// How long single operations took, if that was measured.
    #[serde(default)]
    pub latencies: Option<Latencies>,
}

/// Measures a run from its start to its stop.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    server: String,
    server_cpu: Option<Duration>,
    own_cpu: Option<Duration>,
    begun: Instant,
}

impl Stopwatch {
    /// Starts now; the server's processor time counts from here on, too.
    #[must_use]
    pub fn start(server: &RedisServer) -> Self {
        Self::beside(server.pid())
    }

    /// The same beside a server that another process has started.
    #[must_use]
    pub fn beside(server: Option<u32>) -> Self {
        let server = server.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        Self { server_cpu: proc::cpu(&server), server, own_cpu: proc::cpu("self"), begun: Instant::now() }
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
            server_cpu: since(proc::cpu(&self.server), self.server_cpu),
            own_cpu: since(proc::cpu("self"), self.own_cpu),
            server_memory: proc::peak_memory(&self.server),
            own_memory: proc::peak_memory("self"),
            latencies: None,
        }
    }
}

impl Sample {
    /// The same run with the latencies of its operations.
    #[must_use]
    pub fn with_latencies(self, latencies: &Latencies) -> Self {
        Self { latencies: Some(latencies.clone()), ..self }
    }

    /// What processes that ran side by side came to together.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let sum = |one: Option<Duration>, two: Option<Duration>| Some(one? + two?);
        Self {
            operations: self.operations + other.operations,
            elapsed: self.elapsed.max(other.elapsed),
            server_cpu: self.server_cpu.max(other.server_cpu),
            own_cpu: sum(self.own_cpu, other.own_cpu),
            server_memory: self.server_memory.max(other.server_memory),
            own_memory: Some(self.own_memory.unwrap_or(0) + other.own_memory.unwrap_or(0)),
            latencies: self.latencies.zip(other.latencies).map(|(one, two)| one.and(&two)),
        }
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

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod maybe_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.as_ref().map(Duration::as_secs_f64).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(D::Error::custom)
    }
}
