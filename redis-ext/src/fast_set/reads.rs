//! What a handle answers from the view.

use std::{borrow::Borrow, collections::HashSet, hash::Hash, sync::Arc};

use serde::Serialize;

use super::{FastSet, FastSetError, SetMember, Snapshot, Stale};
use crate::backend::MAX_BATCH;

/// Reads, each of which answers from the copy or fails with [`Stale`].
///
/// Several reads that belong together are made of one [`snapshot`](FastSet::snapshot).
///
/// # Examples
/// ```
/// use redis_ext::FastSet;
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let seats = FastSet::<u32>::builder(MemoryBackend::new(), "seats").open().await?;
/// seats.extend([1, 2, 3]).await?;
/// assert!(seats.contains(&2)? && !seats.contains(&4)?);
/// assert!(seats.lookup(&2).await?);
/// assert_eq!(seats.difference([1, 2])?.len(), 1);
/// assert!(seats.is_subset([1, 2, 3, 4])? && seats.is_disjoint([4, 5])?);
///
/// let now = seats.snapshot()?; // does not change, whatever becomes of the set
/// seats.clear().await?;
/// assert_eq!((now.len(), seats.len()?), (3, 0));
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
impl<T: SetMember> FastSet<T> {
    /// The set as the copy has it.
    ///
    /// # Errors
    /// [`Stale`], as for every read.
    pub fn snapshot(&self) -> Result<Snapshot<T>, Stale> {
        self.cell.read().map(|view| Snapshot(Arc::clone(&view)))
    }

    /// Whether `value` is a member.
    pub fn contains<Q>(&self, value: &Q) -> Result<bool, Stale>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.cell.read().map(|view| view.members.get(value).is_some())
    }

    /// Whether `value` is a member, by the store itself if the copy is too old and the policy is
    /// [`WhenStale::Direct`](super::WhenStale::Direct). Of a value with several spellings, the store is asked for those that are known.
    ///
    /// # Errors
    /// [`Stale`](FastSetError::Stale) with the other policies; [`Backend`](FastSetError::Backend) when the store does
    /// not answer.
    pub async fn lookup<Q>(&self, value: &Q) -> Result<bool, FastSetError>
    where
        T: Borrow<Q>,
        Q: Serialize + Eq + Hash + ?Sized,
    {
        match self.contains(value) {
            Err(_) if self.cell.reads_through() => {
                let spellings = self.cell.latest().0.members.spellings_of(value)?;
                let spellings = &spellings[..spellings.len().min(MAX_BATCH)];
                Ok(self.backend.set_contains(&self.set, spellings).await?.contains(&true))
            }
            answer => Ok(answer?),
        }
    }

    /// How many members there are.
    pub fn len(&self) -> Result<usize, Stale> {
        self.cell.read().map(|view| view.members.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool, Stale> {
        self.len().map(|len| len == 0)
    }

    /// What is in one of the two or in both.
    pub fn union(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<HashSet<Arc<T>>, Stale>
    where
        T: Clone,
    {
        Ok(self.snapshot()?.union(others))
    }

    /// What is in both.
    pub fn intersection(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<HashSet<Arc<T>>, Stale> {
        Ok(self.snapshot()?.intersection(others))
    }

    /// What is in this one only.
    pub fn difference(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<HashSet<Arc<T>>, Stale> {
        Ok(self.snapshot()?.difference(others))
    }

    /// What is in one of the two, but not in both.
    pub fn symmetric_difference(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<HashSet<Arc<T>>, Stale>
    where
        T: Clone,
    {
        Ok(self.snapshot()?.symmetric_difference(others))
    }

    /// Whether the two have nothing in common.
    pub fn is_disjoint(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<bool, Stale> {
        Ok(self.snapshot()?.is_disjoint(others))
    }

    /// Whether every member is among `others`.
    pub fn is_subset(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<bool, Stale> {
        Ok(self.snapshot()?.is_subset(others))
    }

    /// Whether each of `others` is a member.
    pub fn is_superset(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<bool, Stale> {
        Ok(self.snapshot()?.is_superset(others))
    }

    /// Whether the two hold the same.
    pub fn is_equal(&self, others: impl IntoIterator<Item: Borrow<T>>) -> Result<bool, Stale> {
        Ok(self.snapshot()?.is_equal(others))
    }
}
