//! Debounce: work that waits until the triggers for it have calmed down, and is then done once.
//!
//! ```text
//! Debouncer ── trigger ──▶ [backend: pending] ── claim ──▶ Ticker ──▶ dispatch ─┬─▶ a task queue, in one step
//!    │ a handle, cheap                                       │                  └─▶ a Recipient, under a lease
//!    ├ what triggers do: `policy`                            └ runs in DebounceScheduler (actor)
//!    └ what a value becomes: `identity`
//! ```
//! The engine is `ticker`, which knows no actor: it sleeps until the next firing is due, claims, dispatches and settles.
//! `scheduler` is the actor that keeps one ticker for each debouncer running.

mod builder;
mod candlestick;
mod debounced;
mod debouncer;
mod dedup_queue;
mod dispatch;
mod fired;
mod identity;
mod policy;
mod scheduler;
mod schedulers;
#[cfg(test)]
mod tests;
mod ticker;

pub use builder::DebounceSchedulerBuilder;
pub use candlestick::{CandleStick, CandleSticks};
#[doc(hidden)]
pub use debounced::KeyWriter;
pub use debounced::{DebounceExt, Debounced};
pub use debouncer::Debouncer;
pub use dedup_queue::DedupQueue;
pub use fired::{Burst, Fired};
pub use policy::{Debounce, DebounceError, MAX_DELAY};
pub use scheduler::DebounceScheduler;
pub use schedulers::Schedulers;
pub use ticker::SchedulerOptions;
