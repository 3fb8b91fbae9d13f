//! Tasks: what users put into queues and what handlers get out of them.

mod context;
mod enqueue;
mod envelope;
mod error;
mod id;
mod once;
mod options;
mod queue;
mod time;

pub use context::Task;
pub(crate) use context::TaskContext;
pub(crate) use enqueue::content_digest;
pub use enqueue::{Enqueue, EnqueueWith};
pub use envelope::{ENVELOPE_VERSION, Envelope, EnvelopeError, Overrides};
pub use error::TaskError;
pub(crate) use error::{Verdict, chain_of};
pub(crate) use id::TaskIds;
pub use id::{InvalidTaskId, InvalidWorkerId, TaskId, WorkerId};
pub use once::Fence;
pub use options::{Backoff, TaskOptions, Wire};
pub use queue::{InvalidQueueName, MAX_QUEUE_NAME_BYTES, QueueName};
pub use time::Timestamp;

use crate::codec::CodecError;

/// A type whose values are put into a queue and handled by a worker.
///
/// `#[derive(RedisTask)]` is the way to it. Types *within* a task need serde's traits, for which
/// `#[derive(redis_ext::serde::Serialize, redis_ext::serde::Deserialize)] #[serde(crate = "redis_ext::serde")]` needs no
/// other crate. By hand it is for types with a serialization of their own:
///
/// # Examples
/// ```
/// use redis_ext::{CodecError, QueueName, RedisTask, TaskOptions, codec};
///
/// struct Celsius(f64);
///
/// impl RedisTask for Celsius {
///     const QUEUE: QueueName = QueueName::from_static("readings");
///     const OPTIONS: TaskOptions = TaskOptions::new().max_attempts(3);
///
///     fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         codec::encode(&self.0, out)
///     }
///
///     fn decode(payload: &[u8]) -> Result<Self, CodecError> {
///         codec::decode(payload).map(Self)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "not a task type",
    note = "add `#[derive(RedisTask)]` to `{Self}`"
)]
pub trait RedisTask: Sized + Send + 'static {
    /// The queue that values go to unless told otherwise.
    const QUEUE: QueueName;
    /// How the tasks are treated.
    const OPTIONS: TaskOptions;

    /// Appends the payload to `out`: one JSON value.
    ///
    /// # Errors
    /// [`CodecError`] when this value has no such form.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads what [`encode`](Self::encode) or another producer wrote.
    ///
    /// # Errors
    /// [`CodecError`] when `payload` is no such task; it goes to the dead letters with this error.
    fn decode(payload: &[u8]) -> Result<Self, CodecError>;
}
