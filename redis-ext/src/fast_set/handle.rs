//! What users hold: a handle to the view and to the actor that keeps it. `reads` and `writes` are what it can do.

use std::{fmt, sync::Arc};

use actix::Addr;

use super::{Changes, FastSetActor, FastSetBuilder, FastSetError, Freshness, SetMember, actor::Refresh, cell::Cell};
use crate::backend::{SetBackend, SetName};

/// A set in a store, with a copy of it in this process.
///
/// Reads are answered from the copy, without a message, and fail with [`Stale`](super::Stale) when the copy is older than the policy
/// allows. Writes are made in the store, in one step each, and the copy has seen them when they return. A clone is
/// another handle to the same copy, and works on every thread.
///
/// What others write is seen when the store tells of it, within milliseconds; and if the store cannot tell, when the
/// version is next looked at, at the latest after the [timeout](FastSetBuilder::timeout).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{FastSet, fast_set::WhenStale};
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let flags = FastSet::<String>::builder(MemoryBackend::new(), "flags")
///     .when_stale(WhenStale::ServeStale(Duration::from_secs(300)))
///     .open()
///     .await?;
///
/// assert!(flags.insert("dark_mode".to_owned()).await?);
/// assert!(flags.contains("dark_mode")?);
/// assert_eq!(flags.freshness().version, 1);
/// assert!(flags.remove("dark_mode").await?);
/// assert!(flags.is_empty()?);
/// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
/// ```
pub struct FastSet<T: SetMember> {
    pub(super) set: SetName,
    pub(super) backend: Arc<dyn SetBackend>,
    pub(super) cell: Arc<Cell<T>>,
    pub(super) actor: Addr<FastSetActor<T>>,
}

impl<T: SetMember> FastSet<T> {
    /// Settings for the set `name` in `backend`.
    pub fn builder(backend: impl SetBackend, name: impl Into<String>) -> FastSetBuilder<T> {
        FastSetBuilder::new(Arc::new(backend), name.into())
    }

    /// The set's name.
    #[must_use]
    pub fn name(&self) -> &SetName {
        &self.set
    }

    /// How fresh the copy is.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{FastSet, fast_set::Mode};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # actix::System::new().block_on(async {
    /// let flags = FastSet::<String>::builder(MemoryBackend::new(), "flags").open().await?;
    /// let freshness = flags.freshness();
    /// assert_eq!((freshness.version, freshness.mode), (0, Mode::Pushed));
    /// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.cell.freshness()
    }

    /// Looks at the store now: what was written before this call is seen when it returns.
    ///
    /// # Errors
    /// [`Backend`](FastSetError::Backend) when the store does not answer.
    ///
    /// # Cancel safety
    /// The look goes on when the future is dropped.
    pub async fn refresh(&self) -> Result<(), FastSetError> {
        self.actor.send(Refresh).await.map_err(|_| FastSetError::Closed)?
    }

    /// What is added and removed from now on.
    ///
    /// # Examples
    /// ```
    /// use futures_util::StreamExt as _;
    /// use redis_ext::FastSet;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # actix::System::new().block_on(async {
    /// let flags = FastSet::<String>::builder(MemoryBackend::new(), "flags").open().await?;
    /// let mut changes = flags.changes();
    /// flags.insert("dark_mode".to_owned()).await?;
    /// let change = changes.next().await.unwrap();
    /// assert_eq!((change.snapshot.version(), change.added[0].as_str()), (1, "dark_mode"));
    /// # Ok::<(), redis_ext::fast_set::FastSetError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn changes(&self) -> Changes<T> {
        let (receiver, seen) = self.cell.subscribe();
        Changes::of(receiver, seen)
    }
}

impl<T: SetMember> Clone for FastSet<T> {
    fn clone(&self) -> Self {
        Self {
            set: self.set.clone(),
            backend: Arc::clone(&self.backend),
            cell: Arc::clone(&self.cell),
            actor: self.actor.clone(),
        }
    }
}

impl<T: SetMember> fmt::Debug for FastSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastSet").field("set", &self.set).field("freshness", &self.freshness()).finish_non_exhaustive()
    }
}
