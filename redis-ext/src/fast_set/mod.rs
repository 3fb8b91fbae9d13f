//! A distributed set that is read at memory speed and is never silently stale.
//!
//! ```text
//! FastSet (handle)          reads the cell, without a message; writes are messages to the actor
//! ├─ Cell                   the latest view, swapped atomically, and until when it may be served
//! │  └─ Snapshot → Members  an immutable table of shared values
//! └─ FastSetActor           starts the engine, and starts it again
//!    └─ Engine              one loop: makes writes, follows the store, proves the view
//!       ├─ Replica          the copy, and the steps from version to version
//!       └─ Loader           catches up by the log, or by a load in parts
//! ```
//!
//! A write goes one way: from the handle to the engine, to the store in one atomic step, back as the delta that it was,
//! into the replica, and out through the cell. What others write comes the same way, from the store's log.

mod actor;
mod builder;
mod cell;
mod changes;
mod engine;
mod error;
mod freshness;
mod handle;
mod loading;
mod members;
mod options;
mod reads;
mod replica;
mod snapshot;
#[cfg(test)]
mod tests;
mod writes;

use std::hash::Hash;

use serde::{Serialize, de::DeserializeOwned};

pub use actor::FastSetActor;
pub use builder::FastSetBuilder;
pub use changes::{Change, Changes};
pub use error::FastSetError;
pub use freshness::{Freshness, Mode, Stale, WhenStale};
pub use handle::FastSet;
pub use snapshot::{Iter, Snapshot};
pub use writes::Edit;

/// What can be a member of a [`FastSet`]: every type that has these traits is one.
///
/// # Examples
/// ```
/// use redis_ext::{FastSet, serde};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
/// #[serde(crate = "redis_ext::serde")]
/// struct Address(std::net::IpAddr);
///
/// # actix::System::new().block_on(async {
/// let blocked = FastSet::<Address>::builder(MemoryBackend::new(), "blocked").open().await?;
/// assert!(blocked.insert(Address([192, 0, 2, 1].into())).await?);
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a member of a set",
    label = "not a set's member",
    note = "add `#[derive(PartialEq, Eq, Hash, Serialize, Deserialize)]` to `{Self}`; it must be `Send + Sync + 'static`, too"
)]
pub trait SetMember: Serialize + DeserializeOwned + Eq + Hash + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Eq + Hash + Send + Sync + 'static> SetMember for T {}
