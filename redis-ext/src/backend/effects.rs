//! The effects role: what tasks have done is remembered, so that a task that runs again does not do it again.

use std::time::Duration;

use async_trait::async_trait;

use super::BackendError;
use crate::task::{QueueName, TaskId};

/// What a backend must do for effects.
///
/// # Contract
/// An effect is begun by any number of runs and finished by one. Each begin gives a greater token, the *fence*; only
/// the run with the latest one can finish, so a run that was thought dead cannot finish behind the back of its
/// successor. A finished effect is never begun again until its memory expires.
///
/// # Errors
/// [`BackendError`], of any kind that fits. Repeating a call that [may have been
/// applied](BackendError::is_maybe_applied) does no harm.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{QueueName, TaskId, backend::{EffectBackend, EffectKey, EffectState}};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, day) = (MemoryBackend::new(), Duration::from_secs(24 * 3600));
/// let queue = QueueName::from_static("orders");
/// let charge = EffectKey { queue, task: TaskId::random(), name: "charge".into() };
/// let EffectState::Begun(slow) = backend.begin_effect(&charge, day).await? else { panic!("it is new") };
/// let EffectState::Begun(quick) = backend.begin_effect(&charge, day).await? else { panic!("it is not finished") };
///
/// assert!(backend.finish_effect(&charge, quick, b"receipt", day).await?);
/// assert!(!backend.finish_effect(&charge, slow, b"another receipt", day).await?, "fenced");
/// assert_eq!(backend.begin_effect(&charge, day).await?, EffectState::Finished(b"receipt".to_vec()));
/// # Ok::<(), redis_ext::BackendError>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a backend",
    label = "not a backend that remembers effects",
    note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
    note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
)]
#[async_trait]
pub trait EffectBackend: Send + Sync + 'static {
    /// Begins the effect, unless it is finished. What is known of it is kept for `ttl` from now.
    async fn begin_effect(&self, effect: &EffectKey, ttl: Duration) -> Result<EffectState, BackendError>;

    /// Finishes the effect with its result, if `token` is that of the latest begin; the answer is whether it was.
    /// Finishing again with the same token changes nothing and answers the same.
    async fn finish_effect(
        &self,
        effect: &EffectKey,
        token: u64,
        result: &[u8],
        ttl: Duration,
    ) -> Result<bool, BackendError>;
}

/// The name of one effect of one task.
///
/// # Examples
/// See [`EffectBackend`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EffectKey {
    /// The task's queue.
    pub queue: QueueName,
    /// The task.
    pub task: TaskId,
    /// Which of the task's effects it is.
    pub name: String,
}

/// How far an effect has come.
///
/// # Examples
/// See [`EffectBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectState {
    /// It is begun now, with this token.
    Begun(u64),
    /// It was finished before, with this result.
    Finished(Vec<u8>),
}
