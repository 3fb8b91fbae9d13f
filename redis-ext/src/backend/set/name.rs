//! Names of sets.

use std::{fmt, str::FromStr, sync::Arc};

/// The most bytes a set's name may have.
pub const MAX_SET_NAME_BYTES: usize = 1024;

/// The name of a set: any text of 1 to [`MAX_SET_NAME_BYTES`] bytes.
///
/// On Redis a set `flags` is the set at the key `flags:value`, its version the number at `flags:version`, and its
/// latest changes the hash at `flags:log`. Where they must lie in one slot of a cluster, name it `{flags}`.
///
/// # Examples
/// ```
/// use redis_ext::SetName;
///
/// let flags: SetName = "flags".parse()?;
/// assert_eq!(flags.as_str(), "flags");
/// assert!(SetName::new("").is_err());
/// # Ok::<(), redis_ext::backend::InvalidSetName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SetName(Arc<str>);

/// A text that cannot name a set.
///
/// # Examples
/// See [`SetName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a text of {bytes} bytes cannot name a set: a name has 1 to {MAX_SET_NAME_BYTES} bytes")]
pub struct InvalidSetName {
    bytes: usize,
}

impl SetName {
    /// The name `name`.
    ///
    /// # Errors
    /// [`InvalidSetName`] when it is empty or too long.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidSetName> {
        let name = name.into();
        match name.len() {
            1..=MAX_SET_NAME_BYTES => Ok(Self(name.into())),
            bytes => Err(InvalidSetName { bytes }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetName({:?})", self.as_str())
    }
}

impl FromStr for SetName {
    type Err = InvalidSetName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}
