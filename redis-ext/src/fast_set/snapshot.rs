//! A set as it was at one version: what all reads are made of.

use std::{
    borrow::Borrow,
    collections::HashSet,
    fmt,
    hash::Hash,
    ops::{BitAnd, BitOr, BitXor, Sub},
    sync::Arc,
};

use super::members::{self, Members};
use crate::backend::SetMark;

/// A set as it was at one version. It never changes, and a clone is the same one.
///
/// `&`, `|`, `-` and `^` of two snapshots are what they are for [`HashSet`]; the results share their values with the
/// snapshots.
///
/// # Examples
/// ```
/// use std::{collections::HashSet, sync::Arc};
/// use redis_ext::FastSet;
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let backend = MemoryBackend::new();
/// let flags = FastSet::<String>::builder(backend.clone(), "flags").open().await?;
/// let beta = FastSet::<String>::builder(backend, "beta").open().await?;
/// flags.extend(["dark_mode".to_owned(), "search".to_owned()]).await?;
/// beta.insert("search".to_owned()).await?;
///
/// let (flags, beta) = (flags.snapshot()?, beta.snapshot()?);
/// let stable: HashSet<Arc<String>> = &flags - &beta;
/// assert_eq!(stable, HashSet::from([Arc::new("dark_mode".to_owned())]));
/// assert!(beta.is_subset(&flags) && flags.contains("search"));
/// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
/// ```
pub struct Snapshot<T>(pub(super) Arc<View<T>>);

pub(super) struct View<T> {
    pub(super) mark: SetMark,
    pub(super) members: Members<T>,
}

impl<T> Snapshot<T> {
    /// The set's version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.mark.version
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.members.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many members the store holds that are no `T`: they are left alone, and are in none of the answers.
    #[must_use]
    pub fn undecodable(&self) -> usize {
        self.0.members.undecodable()
    }

    /// The members, in no order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.0.members.iter())
    }

    /// The members as the shared values that they are.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.members.iter()
    }
}

/// The algebra, against anything that can be iterated: a `Vec`, a `HashSet`, another snapshot.
impl<T: Eq + Hash> Snapshot<T> {
    /// Whether `value` is a member.
    #[must_use]
    pub fn contains<Q>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(value).is_some()
    }

    /// The member that is equal to `value`.
    #[must_use]
    pub fn get<Q>(&self, value: &Q) -> Option<&Arc<T>>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.members.get(value)
    }

    /// What is in one of the two or in both.
    pub fn union(&self, others: impl IntoIterator<Item: Borrow<T>>) -> HashSet<Arc<T>>
    where
        T: Clone,
    {
        let mut union: HashSet<_> = self.shared().cloned().collect();
        for other in others {
            if !union.contains(other.borrow()) {
                union.insert(Arc::new(other.borrow().clone()));
            }
        }
        union
    }

    /// What is in both.
    pub fn intersection(&self, others: impl IntoIterator<Item: Borrow<T>>) -> HashSet<Arc<T>> {
        others.into_iter().filter_map(|other| self.get(other.borrow()).cloned()).collect()
    }

    /// What is in this one only.
    pub fn difference(&self, others: impl IntoIterator<Item: Borrow<T>>) -> HashSet<Arc<T>> {
        let mut difference: HashSet<_> = self.shared().cloned().collect();
        for other in others {
            difference.remove(other.borrow());
        }
        difference
    }

    /// What is in one of the two, but not in both.
    pub fn symmetric_difference(&self, others: impl IntoIterator<Item: Borrow<T>>) -> HashSet<Arc<T>>
    where
        T: Clone,
    {
        let mut difference: HashSet<_> = self.shared().cloned().collect();
        for other in others {
            // What is named twice is the same as once, so it is not enough to look whether it is still there.
            if self.contains(other.borrow()) {
                difference.remove(other.borrow());
            } else if !difference.contains(other.borrow()) {
                difference.insert(Arc::new(other.borrow().clone()));
            }
        }
        difference
    }

    /// Whether the two have nothing in common.
    pub fn is_disjoint(&self, others: impl IntoIterator<Item: Borrow<T>>) -> bool {
        !others.into_iter().any(|other| self.contains(other.borrow()))
    }

    /// Whether every member is among `others`.
    pub fn is_subset(&self, others: impl IntoIterator<Item: Borrow<T>>) -> bool {
        self.intersection(others).len() == self.len()
    }

    /// Whether each of `others` is a member.
    pub fn is_superset(&self, others: impl IntoIterator<Item: Borrow<T>>) -> bool {
        others.into_iter().all(|other| self.contains(other.borrow()))
    }

    /// Whether the two hold the same.
    pub fn is_equal(&self, others: impl IntoIterator<Item: Borrow<T>>) -> bool {
        let mut seen = HashSet::new();
        for other in others {
            match self.get(other.borrow()) {
                Some(member) => seen.insert(member),
                None => return false,
            };
        }
        seen.len() == self.len()
    }
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

/// The members of a [`Snapshot`].
///
/// # Examples
/// See [`Snapshot`].
pub struct Iter<'s, T>(members::Iter<'s, T>);

impl<'s, T> Iterator for Iter<'s, T> {
    type Item = &'s T;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|value| &**value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("left", &self.len()).finish()
    }
}

impl<'s, T> IntoIterator for &'s Snapshot<T> {
    type Item = &'s T;
    type IntoIter = Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Equal members, whatever the versions.
impl<T: Eq + Hash> PartialEq for Snapshot<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_superset(other)
    }
}

impl<T: Eq + Hash> Eq for Snapshot<T> {}

impl<T: Eq + Hash> PartialEq<HashSet<T>> for Snapshot<T> {
    fn eq(&self, other: &HashSet<T>) -> bool {
        self.len() == other.len() && self.is_superset(other)
    }
}

macro_rules! operators {
    ($($operator:ident $function:ident: |$left:ident, $right:ident| $result:expr;)+) => {
        $(impl<T: Eq + Hash> $operator for &Snapshot<T> {
            type Output = HashSet<Arc<T>>;

            fn $function(self, other: Self) -> Self::Output {
                let ($left, $right) = (self, other);
                $result.cloned().collect()
            }
        })+
    };
}

operators! {
    BitAnd bitand: |left, right| left.shared().filter(|value| right.contains(&***value));
    BitOr bitor: |left, right| left.shared().chain(right.shared().filter(|value| !left.contains(&***value)));
    Sub sub: |left, right| left.shared().filter(|value| !right.contains(&***value));
    BitXor bitxor: |left, right| {
        let mine = left.shared().filter(|value| !right.contains(&***value));
        mine.chain(right.shared().filter(|value| !left.contains(&***value)))
    };
}
