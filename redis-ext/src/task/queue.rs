//! Queue names: validated once, cheap to pass around.

use std::{fmt, str::FromStr, sync::Arc};

/// The most bytes a queue name may have.
pub const MAX_QUEUE_NAME_BYTES: usize = 255;

/// The name of a queue.
///
/// On Redis a queue `emails` is the list `emails`; everything else about it lives in keys tagged `{emails}`, which
/// is why a name holds no braces. A name is 1 to [`MAX_QUEUE_NAME_BYTES`] bytes long, holds no control characters
/// and neither starts nor ends with a space.
///
/// # Examples
/// ```
/// use redis_ext::QueueName;
///
/// const EMAILS: QueueName = QueueName::from_static("emails");
/// let same: QueueName = "emails".parse()?;
/// assert_eq!(same, EMAILS);
///
/// let error = QueueName::new("{emails}").unwrap_err();
/// assert!(error.to_string().contains("brace"));
/// # Ok::<(), redis_ext::InvalidQueueName>(())
/// ```
#[derive(Clone)]
pub struct QueueName(Name);

#[derive(Clone)]
enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

impl QueueName {
    /// A queue name made at run time.
    ///
    /// # Errors
    /// [`InvalidQueueName`] when `name` breaks one of the rules above.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidQueueName> {
        let name = name.into();
        match fault_of(&name) {
            None => Ok(Self(Name::Shared(name.into()))),
            Some(fault) => Err(InvalidQueueName { name, fault }),
        }
    }

    /// A queue name known at compile time; an invalid one does not compile when this is used in a `const`.
    ///
    /// # Panics
    /// When `name` breaks one of the rules above, which in a `const` is a compile error.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        match fault_of(name) {
            None => Self(Name::Static(name)),
            Some(fault) => panic!("{}", fault.rule()),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Static(name) => name,
            Name::Shared(name) => name,
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueName({:?})", self.as_str())
    }
}

impl FromStr for QueueName {
    type Err = InvalidQueueName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl PartialEq for QueueName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for QueueName {}

impl std::hash::Hash for QueueName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// A name that cannot be a queue's.
///
/// # Examples
/// See [`QueueName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot name a queue: {}", fault.rule())]
pub struct InvalidQueueName {
    name: String,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    TooLong,
    Brace,
    Control,
    OuterSpace,
}

impl Fault {
    const fn rule(self) -> &'static str {
        match self {
            Self::Empty => "a queue name must not be empty",
            Self::TooLong => "a queue name has at most 255 bytes",
            Self::Brace => "a queue name must not hold a brace, which Redis Cluster reads as a hash tag",
            Self::Control => "a queue name must not hold a control character",
            Self::OuterSpace => "a queue name must not start or end with a space",
        }
    }
}

const fn fault_of(name: &str) -> Option<Fault> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some(Fault::Empty);
    }
    if bytes.len() > MAX_QUEUE_NAME_BYTES {
        return Some(Fault::TooLong);
    }
    if bytes[0] == b' ' || bytes[bytes.len() - 1] == b' ' {
        return Some(Fault::OuterSpace);
    }
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'}' => return Some(Fault::Brace),
            0..=0x1f | 0x7f => return Some(Fault::Control),
            // U+0080..U+009F, the C1 controls, are the two bytes C2 80..C2 9F.
            0xc2 if at + 1 < bytes.len() && bytes[at + 1] <= 0x9f => return Some(Fault::Control),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_told_apart() {
        let long = "q".repeat(MAX_QUEUE_NAME_BYTES + 1);
        for (name, fault) in [
            ("", Fault::Empty),
            (long.as_str(), Fault::TooLong),
            ("a{b", Fault::Brace),
            ("a}b", Fault::Brace),
            ("a\nb", Fault::Control),
            ("a\u{7f}", Fault::Control),
            ("a\u{85}b", Fault::Control),
            (" a", Fault::OuterSpace),
            ("a ", Fault::OuterSpace),
        ] {
            assert_eq!(QueueName::new(name).unwrap_err().fault, fault, "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_in_any_script_are_accepted() {
        for name in ["emails", "tenant:7/emails", "пошта", "メール", "a b", "Â", &"q".repeat(MAX_QUEUE_NAME_BYTES)]
        {
            assert_eq!(QueueName::new(name).map(|queue| queue.to_string()), Ok(name.to_owned()));
        }
    }
}
