//! How long a mapping lives.

use std::{num::NonZeroU64, time::Duration};

/// The longest life of a mapping that does not live for ever, about a century.
pub const LONGEST_ID_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How long a mapping from a key to its ID lives. After that the key gets a new ID.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::IdTtl;
///
/// assert_eq!(IdTtl::default(), IdTtl::fixed(Duration::from_secs(3600))?);
/// assert!(IdTtl::fixed(Duration::ZERO).is_err());
/// assert!(IdTtl::sliding(Duration::from_millis(1500)).is_err());
/// # Ok::<(), redis_ext::InvalidIdTtl>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdTtl(Life);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Forever,
    Fixed(NonZeroU64),
    Sliding(NonZeroU64),
}

impl IdTtl {
    /// For ever: until it is [forgotten](super::IdBackend::forget_ids).
    pub const NONE: Self = Self(Life::Forever);

    /// An hour from its making, as in the Python package.
    pub const DEFAULT: Self = match NonZeroU64::new(3600) {
        Some(hour) => Self(Life::Fixed(hour)),
        None => Self::NONE,
    };

    /// So long from its making, however often it is used.
    ///
    /// # Errors
    /// [`InvalidIdTtl`] when it is no whole number of seconds, zero, or more than [`LONGEST_ID_TTL`]. The store counts
    /// in seconds, as the Python package does, and does not round: a life of half a second would be one of none. (Less
    /// than nothing is no `Duration`.)
    pub fn fixed(ttl: Duration) -> Result<Self, InvalidIdTtl> {
        seconds(ttl).map(|seconds| Self(Life::Fixed(seconds)))
    }

    /// So long from the last time that the key was asked for by
    /// [`get_or_create`](crate::UniqueId::get_or_create), whatever was left of its life then.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed).
    pub fn sliding(ttl: Duration) -> Result<Self, InvalidIdTtl> {
        seconds(ttl).map(|seconds| Self(Life::Sliding(seconds)))
    }

    /// The seconds that a new mapping lives; nothing if for ever.
    #[must_use]
    pub fn seconds(self) -> Option<NonZeroU64> {
        match self.0 {
            Life::Forever => None,
            Life::Fixed(seconds) | Life::Sliding(seconds) => Some(seconds),
        }
    }

    /// Whether asking for a key makes its mapping live as long again.
    #[must_use]
    pub fn is_sliding(self) -> bool {
        matches!(self.0, Life::Sliding(_))
    }
}

impl Default for IdTtl {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn seconds(ttl: Duration) -> Result<NonZeroU64, InvalidIdTtl> {
    match NonZeroU64::new(ttl.as_secs()) {
        Some(seconds) if ttl.subsec_nanos() == 0 && ttl <= LONGEST_ID_TTL => Ok(seconds),
        _ => Err(InvalidIdTtl { ttl }),
    }
}

/// A duration that cannot be the life of a mapping.
///
/// # Examples
/// See [`IdTtl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{ttl:?} cannot be the life of an ID's mapping: it is counted in whole seconds, at least one and at most a century; \
     for ever is `IdTtl::NONE`"
)]
pub struct InvalidIdTtl {
    ttl: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_whole_number_of_seconds_within_bounds() {
        for millis in [0, 1, 999, 1001, 1500, u64::MAX] {
            assert!(IdTtl::fixed(Duration::from_millis(millis)).is_err(), "{millis}");
            assert!(IdTtl::sliding(Duration::from_millis(millis)).is_err(), "{millis}");
        }
        assert!(IdTtl::fixed(LONGEST_ID_TTL).is_ok());
        assert!(IdTtl::fixed(LONGEST_ID_TTL + Duration::from_secs(1)).is_err());
        assert_eq!(IdTtl::DEFAULT.seconds().unwrap().get(), 3600);
    }
}
