//! Workers: from a queue to a handler and back.
//!
//! ```text
//! WorkerSupervisor (actor)      starts the lanes, replaces those that fall, shuts down in stages
//! ├─ Maintenance   per queue    promotes what is due, recovers what the dead left, trims the dead letters
//! └─ Lane          per queue and arbiter: a row of incarnations, one lease each
//!    ├─ keep_alive              renews the lease
//!    └─ Shift                   one incarnation's loop, which owns all its state
//!       ├─ Fetcher              when to claim, and how much
//!       ├─ Attempts → Runner    decode and run in a handler actor or closure, fenced and timed
//!       ├─ Watch                which running tasks were cancelled
//!       ├─ Call                   an exchange with the backend, or a wait for a push
//!       ├─ Seats                a place under the supervisor's limit, if it has one
//!       ├─ Caution              who must run alone, to tell killers from neighbours
//!       ├─ judgement            what an attempt's end means for its task
//!       └─ Settler              collects outcomes, so that one call settles many
//! ```
//!
//! A task goes one way: claimed by an exchange of the shift, begun as an attempt, judged, collected by the settler,
//! settled by a later exchange, which claims the next ones in the same step.

mod attempt;
mod builder;
mod call;
mod cancellation;
mod fetcher;
mod handler;
mod heartbeat;
mod judgement;
mod lane;
mod lease;
mod maintenance;
mod options;
mod pace;
mod quota;
mod restarts;
mod runner;
mod settler;
mod shift;
mod shutdown;
mod supervisor;
mod suspicion;
#[cfg(test)]
mod tests;
mod trouble;
mod workers;

pub(crate) use builder::check_system;
pub use builder::{BuildError, WorkerSupervisorBuilder};
pub use handler::TaskHandler;
pub use lease::LeaseOptions;
pub use options::{Concurrency, ErrorPolicy, HandlerOptions, WorkerOptions};
pub use quota::Precedence;
pub use restarts::RestartBudget;
pub(crate) use shutdown::{EndSignals, Shutdown, until_idle};
pub use supervisor::WorkerSupervisor;
pub(crate) use trouble::Trouble;
pub use workers::Workers;
