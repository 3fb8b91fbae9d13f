//! What runs one task: an actor out of a pool, an async closure, or a closure on a thread for blocking work, behind one
//! interface that knows no task type.

use std::{any::Any, cell::RefCell, future::Future, marker::PhantomData, rc::Rc, sync::Arc};

use actix::{Actor, Addr, Context, Handler, MailboxError};
use futures_util::future::LocalBoxFuture;

use super::TaskHandler;
use crate::{CodecError, RedisTask, Task, TaskError, TaskOptions, task::TaskContext};

/// Runs tasks of one type on one arbiter.
pub(crate) trait Runner {
    /// Decodes the payload and runs the task. Dropping the future aborts the run as far as that is possible.
    fn run<'a>(&'a self, payload: &'a [u8], context: TaskContext) -> LocalBoxFuture<'a, Result<(), Failure>>;
}

/// Why a run did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The payload is not one of the task's type.
    Undecodable(CodecError),
    /// The handler said so.
    Error(TaskError),
    /// The actor died, or dropped the task without an answer.
    ActorGone,
    /// The closure panicked on its thread.
    Panicked(String),
}

/// Makes a [`Runner`] on the arbiter that is to use it, and knows how its task type is treated.
#[derive(Clone)]
pub(crate) struct RunnerFactory {
    pub(crate) options: TaskOptions,
    make: Arc<dyn Fn() -> Rc<dyn Runner> + Send + Sync>,
}

impl RunnerFactory {
    /// Each task is a message to an actor made by `factory`, which handles one at a time.
    pub(crate) fn actors<T, A>(factory: impl Fn() -> A + Send + Sync + 'static) -> Self
    where
        T: RedisTask,
        A: TaskHandler<T>,
    {
        let factory = Arc::new(factory);
        let make = move || {
            let factory = Arc::clone(&factory);
            Rc::new(ActorPool { factory: move || factory().start(), idle: RefCell::default(), task: PhantomData::<T> })
                as Rc<dyn Runner>
        };
        Self { options: T::OPTIONS, make: Arc::new(make) }
    }

    /// Each task is a call of `handler`.
    pub(crate) fn closure<T, F, R>(handler: F) -> Self
    where
        T: RedisTask,
        F: Fn(Task<T>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), TaskError>> + 'static,
    {
        let handler = Arc::new(handler);
        let make = move || Rc::new(Closure { handler: Arc::clone(&handler), task: PhantomData::<T> }) as Rc<dyn Runner>;
        Self { options: T::OPTIONS, make: Arc::new(make) }
    }

    /// Each task is a call of `handler` on a thread where it may block.
    pub(crate) fn blocking<T, F>(handler: F) -> Self
    where
        T: RedisTask,
        F: Fn(Task<T>) -> Result<(), TaskError> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        let make =
            move || Rc::new(Blocking { handler: Arc::clone(&handler), task: PhantomData::<T> }) as Rc<dyn Runner>;
        Self { options: T::OPTIONS, make: Arc::new(make) }
    }

    pub(crate) fn make(&self) -> Rc<dyn Runner> {
        (self.make)()
    }
}

fn decode<T: RedisTask>(payload: &[u8], context: TaskContext) -> Result<Task<T>, Failure> {
    T::decode(payload).map(|payload| Task::with_context(payload, context)).map_err(Failure::Undecodable)
}

struct Closure<T, F> {
    handler: Arc<F>,
    task: PhantomData<T>,
}

impl<T, F, R> Runner for Closure<T, F>
where
    T: RedisTask,
    F: Fn(Task<T>) -> R,
    R: Future<Output = Result<(), TaskError>>,
{
    fn run<'a>(&'a self, payload: &'a [u8], context: TaskContext) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let task = decode::<T>(payload, context)?;
            (self.handler)(task).await.map_err(Failure::Error)
        })
    }
}

struct Blocking<T, F> {
    handler: Arc<F>,
    task: PhantomData<T>,
}

impl<T, F> Runner for Blocking<T, F>
where
    T: RedisTask,
    F: Fn(Task<T>) -> Result<(), TaskError> + Send + Sync + 'static,
{
    fn run<'a>(&'a self, payload: &'a [u8], context: TaskContext) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let task = decode::<T>(payload, context)?;
            let handler = Arc::clone(&self.handler);
            match tokio::task::spawn_blocking(move || handler(task)).await {
                Ok(result) => result.map_err(Failure::Error),
                Err(ended) => Err(match ended.try_into_panic() {
                    Ok(panic) => Failure::Panicked(panic_message(&*panic).to_owned()),
                    // The runtime is shutting down and has not begun the call.
                    Err(_) => Failure::ActorGone,
                }),
            }
        })
    }
}

/// The text of a panic, if it has one.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("the panic carries no text")
}

/// The actors that are free. There are never more of them than tasks run at once, as each has one task at a time.
///
/// An actor whose run is abandoned (its time was up) does not come back: it may be busy still, and it ends with its
/// last future.
struct ActorPool<T, A: Actor, F> {
    factory: F,
    idle: RefCell<Vec<Addr<A>>>,
    task: PhantomData<T>,
}

impl<T, A, F> ActorPool<T, A, F>
where
    A: Actor<Context = Context<A>>,
    F: Fn() -> Addr<A>,
{
    fn take(&self) -> Addr<A> {
        let mut idle = self.idle.borrow_mut();
        while let Some(actor) = idle.pop() {
            if actor.connected() {
                return actor;
            }
        }
        drop(idle);
        (self.factory)()
    }
}

impl<T, A, F> Runner for ActorPool<T, A, F>
where
    T: RedisTask,
    A: Actor<Context = Context<A>> + Handler<Task<T>>,
    F: Fn() -> Addr<A>,
{
    fn run<'a>(&'a self, payload: &'a [u8], context: TaskContext) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let task = decode::<T>(payload, context)?;
            let actor = self.take();
            let answer = actor.send(task).await;
            self.idle.borrow_mut().push(actor);
            match answer {
                Ok(result) => result.map_err(Failure::Error),
                Err(MailboxError::Closed | MailboxError::Timeout) => Err(Failure::ActorGone),
            }
        })
    }
}
