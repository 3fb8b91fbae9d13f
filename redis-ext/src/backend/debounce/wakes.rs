//! Word that something is due earlier than was known.

use tokio::sync::watch;

/// Where wake-ups arrive; made by [`watch_firings`](super::DebounceBackend::watch_firings).
///
/// A wake-up that came since the last look is not lost: the next look finds it at once.
///
/// # Examples
/// ```
/// use redis_ext::backend::Waker;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let waker = Waker::new();
/// let mut wakes = waker.watch();
/// waker.wake();
/// wakes.next().await;
/// # });
/// ```
#[derive(Debug)]
pub struct Wakes(watch::Receiver<u64>);

/// Wakes whoever watches; for backends.
///
/// # Examples
/// See [`Wakes`].
#[derive(Debug, Clone)]
pub struct Waker(watch::Sender<u64>);

impl Waker {
    /// One that nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Watches it from now on.
    #[must_use]
    pub fn watch(&self) -> Wakes {
        Wakes(self.0.subscribe())
    }

    /// Wakes all who watch.
    pub fn wake(&self) {
        self.0.send_modify(|wakes| *wakes = wakes.wrapping_add(1));
    }

    /// Waits until nobody watches any more.
    pub async fn unwatched(&self) {
        self.0.closed().await;
    }
}

impl Default for Waker {
    fn default() -> Self {
        Self::new()
    }
}

impl Wakes {
    /// Waits for the next wake-up; for ever once the backend is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no wake-up.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
