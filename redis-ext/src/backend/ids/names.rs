//! The names of classes and keys: validated once, so that no two of them ever share a place in the store.

use std::{borrow::Cow, fmt, sync::Arc};

/// The most bytes that the name of a class may have.
pub const MAX_ID_CLASS_BYTES: usize = 255;

/// The most bytes that a key may have.
pub const MAX_ID_KEY_BYTES: usize = 1024;

/// A namespace of IDs, such as `user`: each has a counter and keys of its own.
///
/// A name is 1 to [`MAX_ID_CLASS_BYTES`] bytes long. On Redis the class `user` has its counter at `user:auto` and the ID
/// of the key `ada` at `user:id:ada`, which is the layout of the Python package. In that layout the counter of a class
/// `user:id` is the place of the key `auto` of `user`; so names that contain `:id:` or end in `:id` are refused, and
/// without them no two classes can meet. [`compatible`](Self::compatible) takes them all the same.
///
/// # Examples
/// ```
/// use redis_ext::IdClass;
///
/// const USER: IdClass = IdClass::from_static("user");
/// assert_eq!(IdClass::new("user")?, USER);
///
/// let error = IdClass::new("user:id").unwrap_err();
/// assert!(error.to_string().contains("`user:id:auto`"), "{error}");
/// assert_eq!(IdClass::compatible("user:id")?.as_str(), "user:id");
/// # Ok::<(), redis_ext::InvalidIdName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdClass(Cow<'static, str>);

impl IdClass {
    /// A class named at run time.
    ///
    /// # Errors
    /// [`InvalidIdName`] when the name is empty, too long, or could meet another class in the store.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidIdName> {
        let name = name.into();
        match fault_of(&name) {
            None => Ok(Self(Cow::Owned(name))),
            Some(fault) => Err(InvalidIdName { name, fault }),
        }
    }

    /// A class named at compile time; a wrong name does not compile when this is used in a `const`.
    ///
    /// # Panics
    /// Where [`new`](Self::new) is an error, which in a `const` is one of the compiler.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        match fault_of(name) {
            None => Self(Cow::Borrowed(name)),
            Some(fault) => panic!("{}", fault.rule()),
        }
    }

    /// A class of any name that the Python package takes. Whoever uses one that [`new`](Self::new) refuses sees to it
    /// himself that no other class has a key in its places.
    ///
    /// # Errors
    /// [`InvalidIdName`] when the name is empty or too long.
    pub fn compatible(name: impl Into<String>) -> Result<Self, InvalidIdName> {
        let name = name.into();
        match fault_of(&name) {
            None | Some(Fault::Ambiguous) => Ok(Self(Cow::Owned(name))),
            Some(fault) => Err(InvalidIdName { name, fault }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IdClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdClass({:?})", self.as_str())
    }
}

/// A key that has an ID within its class: any text of 1 to [`MAX_ID_KEY_BYTES`] bytes.
///
/// # Examples
/// ```
/// use redis_ext::backend::IdKey;
///
/// assert_eq!(IdKey::new("ada@example.org")?.as_str(), "ada@example.org");
/// assert!(IdKey::new("").is_err());
/// # Ok::<(), redis_ext::InvalidIdName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdKey(Arc<str>);

impl IdKey {
    /// A key of this text.
    ///
    /// # Errors
    /// [`InvalidIdName`] when it is empty or too long.
    pub fn new(key: &str) -> Result<Self, InvalidIdName> {
        match key.len() {
            1..=MAX_ID_KEY_BYTES => Ok(Self(key.into())),
            0 => Err(InvalidIdName { name: String::new(), fault: Fault::EmptyKey }),
            _ => Err(InvalidIdName { name: key.to_owned(), fault: Fault::LongKey }),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdKey({:?})", self.as_str())
    }
}

/// A text that can name no class of IDs, or be no key.
///
/// # Examples
/// See [`IdClass`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} cannot be used: {}", beginning(name), fault.rule())]
pub struct InvalidIdName {
    name: String,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    EmptyClass,
    LongClass,
    Ambiguous,
    EmptyKey,
    LongKey,
}

impl Fault {
    const fn rule(self) -> &'static str {
        match self {
            Self::EmptyClass => "the name of a class of IDs must not be empty",
            Self::LongClass => "the name of a class of IDs has at most 255 bytes",
            Self::Ambiguous => {
                "the name of a class of IDs must neither contain `:id:` nor end in `:id`, or its counter would be a key \
                 of another class: that of `user:id` lies at `user:id:auto`, as does the key `auto` of `user`. Take \
                 another name, or `IdClass::compatible` if the name is given"
            }
            Self::EmptyKey => "a key that has an ID must not be empty",
            Self::LongKey => "a key that has an ID has at most 1024 bytes; use a digest of it",
        }
    }
}

/// As much of a text as is fit to be shown.
fn beginning(name: &str) -> &str {
    const SHOWN: usize = 64;
    name.char_indices().nth(SHOWN).map_or(name, |(end, _)| &name[..end])
}

const fn fault_of(name: &str) -> Option<Fault> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some(Fault::EmptyClass);
    }
    if bytes.len() > MAX_ID_CLASS_BYTES {
        return Some(Fault::LongClass);
    }
    let mut at = 0;
    while at + 3 <= bytes.len() {
        let separates = bytes[at] == b':' && bytes[at + 1] == b'i' && bytes[at + 2] == b'd';
        if separates && (at + 3 == bytes.len() || bytes[at + 3] == b':') {
            return Some(Fault::Ambiguous);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_could_meet_another_one_is_refused_unless_it_is_asked_for() {
        for name in ["x:id", "x:id:y", ":id", "a:b:id", "x:id:"] {
            assert_eq!(IdClass::new(name).unwrap_err().fault, Fault::Ambiguous, "{name}");
            assert_eq!(IdClass::compatible(name).unwrap().as_str(), name);
        }
        for name in ["x", "x:identity", "id", "id:x", "x:i:d", "a:b", "{user}", "кот", " "] {
            assert_eq!(IdClass::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn lengths_have_limits_and_an_error_shows_only_the_beginning_of_a_text() {
        assert!(IdClass::new("c".repeat(MAX_ID_CLASS_BYTES)).is_ok());
        for name in [String::new(), "c".repeat(MAX_ID_CLASS_BYTES + 1)] {
            assert!(IdClass::new(name.clone()).is_err() && IdClass::compatible(name).is_err());
        }
        assert!(IdKey::new(&"k".repeat(MAX_ID_KEY_BYTES)).is_ok());
        let error = IdKey::new(&"кл".repeat(MAX_ID_KEY_BYTES)).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("1024"), "{error}");
    }
}
