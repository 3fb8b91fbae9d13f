//! `Task<T>`: a payload on its way through a handler, with what is known of it.

use std::{
    ops::{Deref, DerefMut},
    time::SystemTime,
};

use tokio_util::sync::CancellationToken;

use super::{QueueName, RedisTask, TaskError, TaskId, TaskOptions};

/// A task as its handler gets it: derefs to the payload and knows its own history.
///
/// An actor handles it as the message `Task<T>`, whose result is `Result<(), TaskError>`.
///
/// # Examples
/// ```
/// use redis_ext::prelude::*;
///
/// #[derive(RedisTask)]
/// struct Resize { width: u32 }
///
/// async fn handle(task: Task<Resize>) -> Result<(), TaskError> {
///     assert_eq!((task.width, task.attempt()), (640, 1));
///     Ok(())
/// }
///
/// // A handler's unit test makes its own task.
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(
/// handle(Task::new(Resize { width: 640 }))
/// # ).unwrap();
/// ```
/// What it knows of itself:
/// ```
/// # use redis_ext::prelude::*;
/// # #[derive(RedisTask)] struct Resize { width: u32 }
/// let task = Task::new(Resize { width: 640 });
/// assert_eq!((task.queue().as_str(), task.attempt(), task.max_attempts()), ("resize", 1, 25));
/// assert!(!task.is_last_attempt() && task.deadline().is_none());
/// assert!(!task.cancellation().is_cancelled());
/// println!("{} of {:?}", task.id(), task.enqueued_at());
/// assert_eq!(task.into_inner().width, 640);
/// ```
#[derive(Debug)]
pub struct Task<T> {
    payload: T,
    pub(crate) context: TaskContext,
}

/// What a handler may know of the task that it runs.
#[derive(Debug)]
pub(crate) struct TaskContext {
    pub(crate) id: TaskId,
    pub(crate) queue: QueueName,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) enqueued_at: Option<SystemTime>,
    pub(crate) deadline: Option<SystemTime>,
    pub(crate) cancellation: CancellationToken,
}

impl<T: RedisTask> Task<T> {
    /// A task outside any queue, on its first attempt: for the unit tests of a handler.
    #[must_use]
    pub fn new(payload: T) -> Self {
        let TaskOptions { max_attempts, .. } = T::OPTIONS;
        let context = TaskContext {
            id: TaskId::random(),
            queue: T::QUEUE,
            attempt: 1,
            max_attempts,
            enqueued_at: None,
            deadline: None,
            cancellation: CancellationToken::new(),
        };
        Self { payload, context }
    }
}

impl<T> Task<T> {
    pub(crate) fn with_context(payload: T, context: TaskContext) -> Self {
        Self { payload, context }
    }

    /// The payload alone.
    pub fn into_inner(self) -> T {
        self.payload
    }

    /// The task's ID: the same in every attempt.
    pub fn id(&self) -> TaskId {
        self.context.id
    }

    /// The queue that it came from.
    pub fn queue(&self) -> &QueueName {
        &self.context.queue
    }

    /// Which attempt this is; the first is 1.
    pub fn attempt(&self) -> u32 {
        self.context.attempt
    }

    /// The last attempt's number: a task that fails it goes to the dead letters.
    pub fn max_attempts(&self) -> u32 {
        self.context.max_attempts
    }

    /// Whether a failure of this attempt is final.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt() >= self.max_attempts()
    }

    /// When it was enqueued, by the clock of who enqueued it; unknown for a payload pushed without an envelope.
    pub fn enqueued_at(&self) -> Option<SystemTime> {
        self.context.enqueued_at
    }

    /// After this the task is not started any more.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.context.deadline
    }

    /// Cancelled when this attempt's result is not wanted any more: its time is up, the worker shuts down,
    /// another worker took the task over, or somebody has [cancelled](crate::Queue::cancel) the task. A handler that waits for long, or in a loop, watches it, and returns any
    /// error when it stops early: at a shutdown the task then goes back to the queue as it was, at a timeout the attempt
    /// has failed already. `Ok(())` says that the work is done, whenever it is returned.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.context.cancellation
    }
}

impl<T> Deref for Task<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.payload
    }
}

impl<T> DerefMut for Task<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.payload
    }
}

impl<T: 'static> actix::Message for Task<T> {
    type Result = Result<(), TaskError>;
}
