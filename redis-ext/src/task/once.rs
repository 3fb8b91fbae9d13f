//! Effects that a task has once, although the task may run twice.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{RedisTask, Task, TaskError};
use crate::{
    Backoff, Error,
    backend::{EffectBackend, EffectKey, EffectState},
    codec,
};

/// The wait before recording an effect is tried again.
const RECORD_AGAIN: Backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(2));

/// The right to finish an effect, as a number that grows with each run that begins it.
///
/// A store of one's own can take part in the fencing: write `token` with the effect, and only where the token that
/// stands there is smaller.
///
/// # Examples
/// See [`Task::once`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// Greater than that of any earlier run.
    pub token: u64,
}

impl<T: RedisTask> Task<T> {
    /// How long the result of an effect is remembered.
    pub const EFFECT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

    /// How long recording an effect is tried for while the backend fails.
    pub const EFFECT_PATIENCE: Duration = Duration::from_secs(30);

    /// Has an effect once: runs `effect` and remembers its result, or gives the remembered result if an earlier run of
    /// this task has finished it. `name` tells a task's effects apart.
    ///
    /// # Contract
    /// The result is recorded in one step, fenced: of several runs of the task, the one that began the effect last
    /// records, and the others fail. So what the effect does *to the backend's record* happens once. What it does
    /// elsewhere happens again if the process dies, or the backend fails for longer than
    /// [`EFFECT_PATIENCE`](Self::EFFECT_PATIENCE), after it is done and before it is recorded: for that, let the other
    /// side take part, by an idempotency key made of [`id`](Task::id) and `name`, or by the [`Fence`].
    ///
    /// A payload pushed without an envelope has an ID only from its first retry on: until then a rerun after a crash
    /// is not recognised.
    ///
    /// # Errors
    /// The error of `effect`, after which nothing is recorded; [`Error::Fenced`] when another run has taken over;
    /// [`Error::Backend`].
    ///
    /// # Cancel safety
    /// Dropping it while `effect` runs records nothing.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Charge { cents: u32 }
    ///
    /// async fn handle(task: Task<Charge>, backend: MemoryBackend) -> Result<(), TaskError> {
    ///     let receipt: String = task
    ///         .once("charge", &backend, |_fence| async { Ok(format!("charged {}", task.cents)) })
    ///         .await?;
    ///     assert_eq!(receipt, "charged 250");
    ///
    ///     let again: String = task.once("charge", &backend, |_| async { panic!("never twice") }).await?;
    ///     assert_eq!(again, receipt);
    ///     Ok(())
    /// }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(
    /// handle(Task::new(Charge { cents: 250 }), MemoryBackend::new())
    /// # ).unwrap();
    /// ```
    pub async fn once<R, B, F, E>(&self, name: &str, backend: &B, effect: F) -> Result<R, TaskError>
    where
        R: Serialize + DeserializeOwned,
        B: EffectBackend + ?Sized,
        F: FnOnce(Fence) -> E,
        E: Future<Output = Result<R, TaskError>>,
    {
        let key = EffectKey { queue: self.queue().clone(), task: self.id(), name: name.to_owned() };
        let token = match backend.begin_effect(&key, Self::EFFECT_TTL).await? {
            EffectState::Finished(result) => return Ok(codec::decode(&result)?),
            EffectState::Begun(token) => token,
        };
        let result = effect(Fence { token }).await?;
        let mut record = Vec::new();
        codec::encode(&result, &mut record)?;
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            match backend.finish_effect(&key, token, &record, Self::EFFECT_TTL).await {
                Ok(true) => return Ok(result),
                Ok(false) => return Err(Error::Fenced { queue: key.queue, task: key.task }.into()),
                // The effect is had: giving up would have it again, and recording it twice does no harm.
                Err(error) if error.is_retryable() && begun.elapsed() < Self::EFFECT_PATIENCE => failures += 1,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(RECORD_AGAIN.delay_after(failures)).await;
        }
    }
}
