//! The name of a debouncer in the store.

use std::{fmt, str::FromStr, sync::Arc};

use crate::task::QueueName;

/// The most bytes a debouncer's key may have.
pub const MAX_DEBOUNCE_KEY_BYTES: usize = 512;

/// The key under which a debouncer's pending firings lie.
///
/// On Redis it is a sorted set of that name, the one that `DebounceInfoTask` of the Python package uses; everything else
/// about the debouncer lies in keys beside it, tagged so that they share its cluster slot. A key is 1 to
/// [`MAX_DEBOUNCE_KEY_BYTES`] bytes long and holds no control characters. Braces may enclose a hash tag:
/// `{search}:pending` lies in the slot of everything else of `search`.
///
/// # Examples
/// ```
/// use redis_ext::{QueueName, backend::DebounceKey};
///
/// let key: DebounceKey = "search:pending".parse()?;
/// assert_eq!(key.as_str(), "search:pending");
/// assert_eq!(DebounceKey::of_queue(&QueueName::from_static("reindex")).as_str(), "{reindex}:debounce");
/// assert!(DebounceKey::new("").unwrap_err().to_string().contains("empty"));
/// # Ok::<(), redis_ext::backend::InvalidDebounceKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DebounceKey(Arc<str>);

/// A text that cannot be a debouncer's key.
///
/// # Examples
/// See [`DebounceKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} cannot be the key of a debouncer: {}", fault.rule())]
pub struct InvalidDebounceKey {
    key: String,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    TooLong,
    Control,
    Braces,
}

impl Fault {
    fn rule(self) -> &'static str {
        match self {
            Self::Empty => "a key must not be empty",
            Self::TooLong => "a key has at most 512 bytes",
            Self::Control => "a key must not hold a control character",
            Self::Braces => "braces in a key must enclose one hash tag that is not empty, as in {search}:pending",
        }
    }
}

impl DebounceKey {
    /// A key made at run time.
    ///
    /// # Errors
    /// [`InvalidDebounceKey`] when `key` breaks one of the rules above.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidDebounceKey> {
        let key = key.into();
        match fault_of(&key) {
            None => Ok(Self(key.into())),
            Some(fault) => Err(InvalidDebounceKey { key, fault }),
        }
    }

    /// The key of what will be dispatched to `queue`, unless told otherwise: `{queue}:debounce`, in the queue's slot.
    #[must_use]
    pub fn of_queue(queue: &QueueName) -> Self {
        Self(format!("{{{queue}}}:debounce").into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fault_of(key: &str) -> Option<Fault> {
    if key.is_empty() {
        return Some(Fault::Empty);
    }
    if key.len() > MAX_DEBOUNCE_KEY_BYTES {
        return Some(Fault::TooLong);
    }
    if key.contains(char::is_control) {
        return Some(Fault::Control);
    }
    let is_tagged = || {
        let (_, rest) = key.split_once('{')?;
        let (tag, rest) = rest.split_once('}')?;
        Some(!tag.is_empty() && !tag.contains('{') && !rest.contains(['{', '}']))
    };
    (key.contains(['{', '}']) && is_tagged() != Some(true)).then_some(Fault::Braces)
}

impl fmt::Display for DebounceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DebounceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DebounceKey({:?})", self.as_str())
    }
}

impl FromStr for DebounceKey {
    type Err = InvalidDebounceKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_told_apart() {
        let long = "k".repeat(MAX_DEBOUNCE_KEY_BYTES + 1);
        for (key, fault) in [
            ("", Fault::Empty),
            (long.as_str(), Fault::TooLong),
            ("a\nb", Fault::Control),
            ("a{b", Fault::Braces),
            ("a}b", Fault::Braces),
            ("{}:a", Fault::Braces),
            ("{a}{b}", Fault::Braces),
            ("}a{", Fault::Braces),
        ] {
            assert_eq!(DebounceKey::new(key).unwrap_err().fault, fault, "{key:?}");
        }
        for key in ["a", " a b ", "{a}", "x:{a}:y", "任务"] {
            assert_eq!(DebounceKey::new(key).unwrap().as_str(), key);
        }
    }
}
