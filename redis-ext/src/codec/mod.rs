//! JSON in and out: what payloads are made of. Where equal values must be equal bytes, it is [canonical].

pub mod canonical;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::{Serialize, de::DeserializeOwned};

static NULL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"null"));

/// Why a payload could not be written or read.
///
/// # Examples
/// ```
/// use redis_ext::codec;
///
/// let error = codec::decode::<u8>(b"\"seven\"").unwrap_err();
/// assert!(error.to_string().contains("invalid type"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CodecError(Box<dyn std::error::Error + Send + Sync>);

impl CodecError {
    /// An error of a codec of one's own.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// Appends `value` to `out` as JSON.
///
/// # Errors
/// [`CodecError`] when the value has no JSON form, such as a float that is not finite.
///
/// # Examples
/// ```
/// let mut out = Vec::new();
/// redis_ext::codec::encode(&[1, 2], &mut out)?;
/// assert_eq!(out, b"[1,2]");
/// assert!(redis_ext::codec::encode(&f64::NAN, &mut out).is_err());
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let before = out.len();
    serde_json::to_writer(&mut *out, value).map_err(CodecError::new)?;
    // A float that is not finite has become `null`, as `None` has. The canonical form tells the two apart.
    if NULL.find(&out[before..]).is_some() {
        canonical::to_vec(value, canonical::Style::Utf8)?;
    }
    Ok(())
}

/// Reads a JSON value that makes up the whole of `payload`.
///
/// # Errors
/// [`CodecError`] when `payload` is not JSON or not of the form of a `T`.
///
/// # Examples
/// ```
/// let pair: (u8, u8) = redis_ext::codec::decode(b"[1, 2]")?;
/// assert_eq!(pair, (1, 2));
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(payload).map_err(CodecError::new)
}

/// Durations as whole milliseconds, the unit of every time on the wire.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// `duration` in milliseconds, rounded up so that no positive wait becomes none.
    pub(crate) fn of(duration: Duration) -> u64 {
        u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        of(*duration).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_comes_back_to_the_last_bit() {
        for value in [1_000_000_000_000_000.1, 0.1, f64::MAX, f64::MIN_POSITIVE, -1.234_567_890_123_456_7e-300] {
            let mut json = Vec::new();
            encode(&value, &mut json).unwrap();
            assert_eq!(decode::<f64>(&json).unwrap().to_bits(), value.to_bits());
        }
    }
}
