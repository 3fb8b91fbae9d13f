//! An ID, which knows the class that it belongs to.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::IdClass;

/// A type whose values have IDs of a class of their own.
///
/// # Examples
/// ```
/// use redis_ext::{IdClass, unique_id::HasId};
///
/// struct User;
/// impl HasId for User {
///     const CLASS: IdClass = IdClass::from_static("user");
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no class of IDs",
    note = "write `impl HasId for {Self} {{ const CLASS: IdClass = IdClass::from_static(\"…\"); }}`"
)]
pub trait HasId {
    /// The class.
    const CLASS: IdClass;
}

/// The class of an [`Id`] that was named at run time only.
///
/// # Examples
/// See [`UniqueId::builder`](super::UniqueId::builder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untyped {}

/// An ID of the class `C`: a number that no mistake makes the ID of something else.
///
/// In JSON it is a number.
///
/// # Examples
/// ```
/// use redis_ext::{IdClass, unique_id::{HasId, Id}};
///
/// struct User;
/// impl HasId for User {
///     const CLASS: IdClass = IdClass::from_static("user");
/// }
///
/// let id = Id::<User>::new(7);
/// assert_eq!((id.get(), id.to_string()), (7, "7".to_owned()));
/// assert_eq!(id, 7);
/// ```
///
/// IDs of two classes do not mix:
/// ```compile_fail
/// # use redis_ext::{IdClass, unique_id::{HasId, Id}};
/// # struct User;
/// # impl HasId for User { const CLASS: IdClass = IdClass::from_static("user"); }
/// # struct Order;
/// # impl HasId for Order { const CLASS: IdClass = IdClass::from_static("order"); }
/// fn delete(user: Id<User>) {}
///
/// delete(Id::<Order>::new(7));
/// ```
pub struct Id<C = Untyped> {
    number: u64,
    class: PhantomData<fn() -> C>,
}

impl<C> Id<C> {
    /// The ID of this number, read from elsewhere.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self { number, class: PhantomData }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.number
    }
}

// Derived, these would ask the same of `C`, which is only a name here.

impl<C> Clone for Id<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Id<C> {}

impl<C> PartialEq for Id<C> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<C> Eq for Id<C> {}

impl<C> PartialEq<u64> for Id<C> {
    fn eq(&self, other: &u64) -> bool {
        self.number == *other
    }
}

impl<C> PartialOrd for Id<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> Ord for Id<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl<C> Hash for Id<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl<C> fmt::Debug for Id<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.number)
    }
}

impl<C> fmt::Display for Id<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl<C> From<Id<C>> for u64 {
    fn from(id: Id<C>) -> Self {
        id.number
    }
}

impl<C> Serialize for Id<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.number.serialize(serializer)
    }
}

impl<'de, C> Deserialize<'de> for Id<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_in_json_and_sorts_like_one() {
        let mut ids: Vec<Id> = serde_json::from_str("[10,9]").unwrap();
        ids.sort();
        assert_eq!(serde_json::to_string(&ids).unwrap(), "[9,10]");
    }
}
