//! Puts a handle together: settings in, a loaded set out.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use actix::{Arbiter, Supervisor};

use super::{FastSet, FastSetActor, FastSetError, SetMember, WhenStale, cell::Cell, engine::Engine, options::Options};
use crate::backend::{SetBackend, SetName};

/// Settings of a [`FastSet`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{FastSet, fast_set::WhenStale};
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let blocked = FastSet::<String>::builder(MemoryBackend::new(), "blocked")
///     .timeout(Duration::from_secs(10))
///     .heartbeat(Duration::from_millis(500))
///     .when_stale(WhenStale::Direct)
///     .open()
///     .await?;
/// assert!(!blocked.lookup("192.0.2.1").await?);
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[must_use = "a builder does nothing until `open` is called"]
pub struct FastSetBuilder<T> {
    backend: Arc<dyn SetBackend>,
    name: String,
    options: Options,
    member: PhantomData<fn() -> T>,
}

impl<T: SetMember> FastSetBuilder<T> {
    pub(super) fn new(backend: Arc<dyn SetBackend>, name: String) -> Self {
        Self { backend, name, options: Options::default(), member: PhantomData }
    }

    /// [`timeout`](Self::timeout) unless told otherwise: 60 seconds, as in the Python package.
    pub const DEFAULT_TIMEOUT: Duration = Options::DEFAULT_TIMEOUT;
    /// [`heartbeat`](Self::heartbeat) unless told otherwise: one second.
    pub const DEFAULT_HEARTBEAT: Duration = Options::DEFAULT_HEARTBEAT;

    /// How old the copy may be: the version is looked at so often, or a little more often. While changes are pushed, the
    /// bound is three [heartbeats](Self::heartbeat), if that is less.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How often it is proven that pushed changes do come.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.options.heartbeat = heartbeat;
        self
    }

    /// What reads do while the copy is older than it may be; [`WhenStale::Refuse`] unless told otherwise.
    pub fn when_stale(mut self, when_stale: WhenStale) -> Self {
        self.options.when_stale = when_stale;
        self
    }

    /// Loads the set, and keeps the copy by an actor on the current arbiter.
    ///
    /// # Errors
    /// [`Name`](FastSetError::Name) and [`Options`](FastSetError::Options) for what cannot work;
    /// [`NoArbiter`](FastSetError::NoArbiter) outside of an actix System; [`Backend`](FastSetError::Backend) when the set
    /// cannot be loaded.
    pub async fn open(self) -> Result<FastSet<T>, FastSetError> {
        let set = SetName::new(self.name)?;
        if let Some(fault) = self.options.fault() {
            return Err(FastSetError::Options(fault));
        }
        if Arbiter::try_current().is_none() {
            return Err(FastSetError::NoArbiter);
        }
        let cell = Arc::new(Cell::new(self.options.when_stale));
        let engine = Engine {
            backend: Arc::clone(&self.backend),
            set: set.clone(),
            options: self.options,
            cell: Arc::clone(&cell),
        };
        let actor = Supervisor::start(|_| FastSetActor::new(engine));
        let opened = FastSet { set, backend: self.backend, cell, actor };
        opened.refresh().await?;
        Ok(opened)
    }
}

impl<T> fmt::Debug for FastSetBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastSetBuilder")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MockSetBackend;

    #[tokio::test]
    async fn outside_of_an_actix_system_there_is_a_clear_error() {
        let opened = FastSet::<u32>::builder(MockSetBackend::new(), "flags").open().await;
        assert!(matches!(opened, Err(FastSetError::NoArbiter)));
    }
}
