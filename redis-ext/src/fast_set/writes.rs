//! What a handle asks the actor to write.

use std::{borrow::Borrow, collections::HashSet, hash::Hash, num::NonZeroUsize, sync::Arc};

use serde::Serialize;

use super::{FastSet, FastSetError, SetMember, Snapshot, actor, members::encode};
use crate::backend::{MAX_BATCH, SetChange, SetChanged, SetDelta, SetEdit};

/// How often a write is decided anew because others were faster.
const ATTEMPTS: usize = 16;

/// How many members are proposed for a pop, of which the first that is still there is taken.
const CANDIDATES: usize = 16;

/// What to add and what to remove, in one step.
///
/// # Examples
/// See [`FastSet::update`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<T> {
    /// What must be a member afterwards.
    pub add: Vec<T>,
    /// What must not be one, unless it is among the others.
    pub remove: Vec<T>,
}

impl<T> Default for Edit<T> {
    fn default() -> Self {
        Self { add: Vec::new(), remove: Vec::new() }
    }
}

/// Writes, each of which is made in the store in one step, and is seen by all handles of this copy when it returns.
///
/// # Errors
/// [`Encode`](FastSetError::Encode) for a value without a form in the store; [`Backend`](FastSetError::Backend) when
/// the store fails. If the error [says so](crate::BackendError::is_maybe_applied), the write may have been made: making it
/// again does no harm.
///
/// # Cancel safety
/// A write that was begun is made also when its future is dropped.
///
/// # Examples
/// ```
/// use redis_ext::FastSet;
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let flags = FastSet::<String>::builder(MemoryBackend::new(), "flags").open().await?;
/// assert!(flags.insert("dark_mode".to_owned()).await?);
/// assert_eq!(flags.extend(["beta".to_owned(), "dark_mode".to_owned()]).await?, 1);
/// assert!(flags.remove("beta").await?);
/// assert_eq!(flags.take("dark_mode").await?.as_deref(), Some(&"dark_mode".to_owned()));
/// assert_eq!(flags.pop().await?, None);
///
/// flags.replace(["a".to_owned(), "b".to_owned(), "old".to_owned()]).await?;
/// flags.retain(|flag| flag != "old").await?;
/// assert_eq!(flags.len()?, 2);
/// flags.clear().await?;
/// assert!(flags.is_empty()?);
/// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
/// ```
impl<T: SetMember> FastSet<T> {
    /// Adds a member; the answer is whether it is new.
    pub async fn insert(&self, value: T) -> Result<bool, FastSetError> {
        let add = vec![encode(&value)?];
        Ok(self.apply(add, Vec::new()).await?.is_some())
    }

    /// Adds members, in one step and one version, however many they are; the answer is how many of them are new.
    pub async fn extend(&self, values: impl IntoIterator<Item = T>) -> Result<usize, FastSetError> {
        let add = values.into_iter().map(|value| encode(&value)).collect::<Result<_, _>>()?;
        Ok(self.apply(add, Vec::new()).await?.map_or(0, |delta| count(delta.added)))
    }

    /// Removes a member, in every spelling that it has; the answer is whether it was one.
    pub async fn remove<Q>(&self, value: &Q) -> Result<bool, FastSetError>
    where
        T: Borrow<Q>,
        Q: Serialize + Eq + Hash + ?Sized,
    {
        let mut tried = HashSet::new();
        let mut is_removed = false;
        loop {
            // A spelling that someone added meanwhile shows itself only in the view after the removal.
            let spellings = self.cell.latest().0.members.spellings_of(value)?;
            let untried: Vec<_> = spellings.into_iter().filter(|spelling| tried.insert(spelling.clone())).collect();
            if untried.is_empty() || tried.len() > MAX_BATCH {
                return Ok(is_removed);
            }
            is_removed |= self.apply(Vec::new(), untried).await?.is_some();
        }
    }

    /// Removes a member and gives it.
    pub async fn take<Q>(&self, value: &Q) -> Result<Option<Arc<T>>, FastSetError>
    where
        T: Borrow<Q>,
        Q: Serialize + Eq + Hash + ?Sized,
    {
        if self.cell.latest().0.members.get(value).is_none() {
            self.refresh().await?;
        }
        let member = self.cell.latest().0.members.get(value).cloned();
        Ok(if self.remove(value).await? { member } else { None })
    }

    /// Removes a member, any one, and gives it: no two callers, wherever they are, get the same.
    ///
    /// # Errors
    /// As every write, and [`Contended`](FastSetError::Contended) when others took what was proposed time after time.
    pub async fn pop(&self) -> Result<Option<Arc<T>>, FastSetError> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.cell.latest();
            let mut proposed = snapshot.0.members.sample(CANDIDATES);
            if proposed.is_empty() {
                self.refresh().await?;
                if self.cell.latest().is_empty() {
                    return Ok(None);
                }
                continue;
            }
            fastrand::shuffle(&mut proposed);
            let mut candidates = Vec::new();
            for value in &proposed {
                candidates.extend(snapshot.0.members.spellings_of(&**value)?);
            }
            candidates.truncate(MAX_BATCH);
            let edit = SetEdit::Take { candidates, most: NonZeroUsize::MIN };
            if let SetChanged::Changed(delta) = self.change(SetChange::new(edit)).await? {
                let taken = delta.members.and_then(|members| members.removed.into_iter().next());
                let value = proposed.into_iter().find(|value| {
                    taken.as_ref().is_some_and(|taken| {
                        snapshot.0.members.spellings_of(&***value).is_ok_and(|spellings| spellings.contains(taken))
                    })
                });
                if let Some(value) = value {
                    self.remove(&**value).await?;
                    return Ok(Some(Arc::clone(value)));
                }
            }
        }
        Err(FastSetError::Contended { attempts: ATTEMPTS })
    }

    /// Removes all members, also those that are no `T`.
    pub async fn clear(&self) -> Result<(), FastSetError> {
        self.replace([]).await.map(drop)
    }

    /// Makes `values` the members, and no others, in one step and one version; the answer is the version.
    pub async fn replace(&self, values: impl IntoIterator<Item = T>) -> Result<u64, FastSetError> {
        let members = values.into_iter().map(|value| encode(&value)).collect::<Result<_, _>>()?;
        match self.change(SetChange::new(SetEdit::Replace(members))).await? {
            SetChanged::Changed(delta) => Ok(delta.after.version),
            SetChanged::Unchanged(mark) => Ok(mark.version),
            SetChanged::Conflict(found) => Err(FastSetError::Conflict { expected: found, found }),
        }
    }

    /// Makes an edit if the set has the version `expected`; the answer is the version that it has then, which is the same
    /// if the edit changed nothing.
    ///
    /// # Errors
    /// As every write, and [`Conflict`](FastSetError::Conflict) if it has another one; the view has seen that one then.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{FastSet, fast_set::{Edit, FastSetError}};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # actix::System::new().block_on(async {
    /// let seats = FastSet::<u32>::builder(MemoryBackend::new(), "seats").open().await?;
    /// let seen = seats.snapshot()?.version();
    /// let book = Edit { add: vec![12], remove: vec![] };
    /// assert_eq!(seats.compare_and_apply(seen, &book).await?, 1);
    /// let late = seats.compare_and_apply(seen, &book).await;
    /// assert!(matches!(late, Err(FastSetError::Conflict { expected: 0, found: 1 })));
    /// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
    /// ```
    pub async fn compare_and_apply(&self, expected: u64, edit: &Edit<T>) -> Result<u64, FastSetError> {
        if self.cell.latest().version() != expected {
            self.refresh().await?;
        }
        // The spellings of what is to be removed must be those of the version.
        let snapshot = self.cell.latest();
        let found = snapshot.version();
        if found != expected {
            return Err(FastSetError::Conflict { expected, found });
        }
        let add = edit.add.iter().map(encode).collect::<Result<_, _>>()?;
        let mut remove = Vec::new();
        for value in &edit.remove {
            remove.extend(snapshot.0.members.spellings_of(value)?);
        }
        let change = SetChange::new(SetEdit::Apply { remove, add }).expecting(expected);
        match self.change(change).await? {
            SetChanged::Changed(delta) => Ok(delta.after.version),
            SetChanged::Unchanged(mark) => Ok(mark.version),
            SetChanged::Conflict(found) => Err(FastSetError::Conflict { expected, found }),
        }
    }

    /// Makes the edit that `decide` finds right for the set as it is, and lets it decide anew when others were faster;
    /// the answer is the snapshot that was decided upon.
    ///
    /// # Errors
    /// As every write, and [`Contended`](FastSetError::Contended) when others were faster time after time.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{FastSet, fast_set::Edit};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # actix::System::new().block_on(async {
    /// let seats = FastSet::<u32>::builder(MemoryBackend::new(), "seats").open().await?;
    /// // At most two, whoever books at the same time.
    /// for seat in [12, 13, 14] {
    ///     seats.update(|booked| Edit { add: if booked.len() < 2 { vec![seat] } else { vec![] }, ..Edit::default() }).await?;
    /// }
    /// assert_eq!(seats.len()?, 2);
    /// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
    /// ```
    pub async fn update(&self, mut decide: impl FnMut(&Snapshot<T>) -> Edit<T>) -> Result<Snapshot<T>, FastSetError> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.cell.latest();
            match self.compare_and_apply(snapshot.version(), &decide(&snapshot)).await {
                Err(FastSetError::Conflict { .. }) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(snapshot),
            }
        }
        Err(FastSetError::Contended { attempts: ATTEMPTS })
    }

    /// Removes the members for which `keep` is false.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn retain(&self, mut keep: impl FnMut(&T) -> bool) -> Result<(), FastSetError>
    where
        T: Clone,
    {
        let decide = |snapshot: &Snapshot<T>| {
            let remove = snapshot.iter().filter(|value| !keep(value)).cloned().collect();
            Edit { remove, ..Edit::default() }
        };
        self.update(decide).await.map(drop)
    }

    /// Applies an edit whatever the version; the answer is what it changed.
    async fn apply(&self, add: Vec<Vec<u8>>, remove: Vec<Vec<u8>>) -> Result<Option<SetDelta>, FastSetError> {
        Ok(match self.change(SetChange::new(SetEdit::Apply { remove, add })).await? {
            SetChanged::Changed(delta) => Some(delta),
            SetChanged::Unchanged(_) | SetChanged::Conflict(_) => None,
        })
    }

    async fn change(&self, change: SetChange) -> Result<SetChanged, FastSetError> {
        self.actor.send(actor::Change(change)).await.map_err(|_| FastSetError::Closed)?
    }
}

fn count(members: u64) -> usize {
    usize::try_from(members).unwrap_or(usize::MAX)
}
