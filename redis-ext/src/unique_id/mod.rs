//! Unique IDs: stable numbers for keys, and fresh numbers in bulk.
//!
//! ```text
//! UniqueId (handle)             checks what comes in; takes the next ID without asking anyone, as long as there are some
//! └─ UniqueIdActor              one per handle and its clones: what is done on behalf of many callers, on one arbiter
//!    └─ Engine                  knows no actor
//!       ├─ Coalescer            who waits for the ID of which key: one request for all of them
//!       ├─ Segments             ranges of IDs that were reserved and not handed out yet
//!       ├─ Candidates           the way without scripts over two keys: IDs that lost a race and wait for the next one
//!       └─ Counter              whatever moves the counter; it notices when the counter was lost
//! ```

mod actor;
mod builder;
mod candidates;
mod coalescer;
mod counter;
mod engine;
mod error;
mod handle;
mod id;
mod segments;
#[cfg(test)]
mod tests;

pub use actor::UniqueIdActor;
pub use builder::UniqueIdBuilder;
pub use error::UniqueIdError;
pub use handle::{UniqueId, UniqueIdStats};
pub use id::{HasId, Id, Untyped};
