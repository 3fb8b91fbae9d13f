//! What the benchmark programs share: contests between several ways of doing the same, and reports of them.
//!
//! A program is in `src/bin`, starts a Redis server of its own, and compares only what ran in turns: a machine may be
//! twice as fast an hour later, but hardly from one second to the next.
//!
//! ```
//! use redis_ext_benches::{Contest, Options, Report, Stopwatch};
//! use redis_ext_tests::RedisServer;
//!
//! let server = RedisServer::start();
//! let options = Options::quick();
//! let mut report = Report::new("sums", options.clone());
//! report.add(
//!     Contest::new("adding up", "sums")
//!         .contestant("by hand", |time| {
//!             let watch = Stopwatch::start(&server);
//!             let mut sums = 0;
//!             while watch.elapsed() < time {
//!                 std::hint::black_box(sums + 1);
//!                 sums += 1;
//!             }
//!             watch.stop(sums)
//!         })
//!         .hold(&options),
//! );
//! report.finish()?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod bench;
mod contest;
mod job;
mod latency;
mod options;
mod plot;
mod proc;
mod report;
mod role;
mod sample;
mod table;

pub use bench::{Bench, in_time};
pub use contest::{Contest, Outcome, Spread, Standing};
pub use job::Job;
pub use latency::{Latencies, Percentiles};
pub use options::Options;
pub use report::Report;
pub use role::{Player, Producer, Role, Waiter, Worker, tell};
pub use sample::{Sample, Stopwatch};
