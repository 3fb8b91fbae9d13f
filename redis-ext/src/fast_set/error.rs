//! What can go wrong with a set.

use super::Stale;
use crate::{BackendError, CodecError, backend::InvalidSetName};

/// Why a set could not be read or written.
///
/// # Examples
/// See [`FastSet::compare_and_apply`](super::FastSet::compare_and_apply).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FastSetError {
    /// The view is too old to be read.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The backend failed; its error tells the kind, and whether the write may have been made. If it was, the view has
    /// not seen it yet.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Others have changed the set.
    #[error("the set has the version {found} and not {expected}: look at it again, and decide anew")]
    Conflict {
        /// The version for which the change was meant.
        expected: u64,
        /// The version that the set has.
        found: u64,
    },
    /// A value has no form in the store.
    #[error("a value cannot be encoded as a member of a set")]
    Encode(#[from] CodecError),
    /// Others were faster time after time.
    #[error("others changed the set at each of {attempts} attempts: try again, or less often at once")]
    Contended {
        /// How often it was tried.
        attempts: usize,
    },
    /// A text that cannot name a set.
    #[error(transparent)]
    Name(#[from] InvalidSetName),
    /// The settings cannot work.
    #[error("the settings of a set cannot work: {0}")]
    Options(&'static str),
    /// There is no arbiter to keep the copy on.
    #[error("sets are opened within an actix System: call `open` within `#[actix::main]` or `#[actix::test]`")]
    NoArbiter,
    /// The set's owner has ended, and with it its arbiter.
    #[error("the actor that owns the set has ended: open the set on an arbiter that lives as long as its handles")]
    Closed,
}
