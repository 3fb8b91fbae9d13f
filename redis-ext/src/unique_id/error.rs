//! What can go wrong with unique IDs besides the backend.

use std::time::Duration;

use crate::{BackendError, backend::MAX_RESERVATION};

/// Why a [`UniqueId`](super::UniqueId) could not be started or could not answer.
///
/// # Examples
/// ```
/// use redis_ext::{Error, IdClass, UniqueId, unique_id::UniqueIdError};
/// use redis_ext_memory::MemoryBackend;
///
/// // Outside of an actix System:
/// let refused = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("user")).start();
/// assert!(matches!(refused, Err(Error::UniqueId(UniqueIdError::NoArbiter))));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UniqueIdError {
    /// There is no arbiter to run on.
    #[error("unique IDs are started within an actix System: call `start` there, or name an arbiter by `arbiter`")]
    NoArbiter,
    /// Nobody will answer: the arbiter on which the actor ran has ended, and so has this handle; or the backend panicked
    /// over this very call.
    #[error(
        "nobody answers: the arbiter of these unique IDs has ended (start them on one that lives as long as their users), or their backend panicked"
    )]
    Stopped,
    /// The way back from IDs to keys cannot be kept in one step with the mapping.
    #[error(
        "the way back from IDs to keys needs one step over several keys, which `single_key_commands` does without: drop one of the two"
    )]
    ReverseWithSingleKeys,
    /// A key was asked for by its ID, and the way back is not kept.
    #[error("keys cannot be found by their IDs unless the handle is built with `reverse`")]
    NoReverse,
    /// More IDs were wanted than one call gives.
    #[error("{wanted} IDs are too many for one call, which gives {MAX_RESERVATION}")]
    TooMany {
        /// How many.
        wanted: usize,
    },
    /// No IDs came in time.
    #[error("no IDs came within {waited:?}, so much is the `patience` of this handle")]
    OutOfPatience {
        /// How long the call waited.
        waited: Duration,
        /// Why reserving more failed the last time, if it did.
        source: Option<BackendError>,
    },
}
