//! What an actor has to be to handle tasks.

use actix::{Actor, Context, Handler};

use crate::Task;

/// An actor that handles tasks of type `T`: every actor with a [`Context`] that has [`Handler<Task<T>>`](Handler) is one.
///
/// The handler's result, as an `impl` of [`Handler`] writes it, is `ResponseFuture<Result<(), TaskError>>` for work that awaits,
/// or `Result<(), TaskError>` for work that is done when `handle` returns.
///
/// # Examples
/// ```
/// use redis_ext::{prelude::*, worker::TaskHandler};
///
/// #[derive(RedisTask)]
/// struct Visit { page: u32 }
///
/// #[derive(Default)]
/// struct Counter { visits: u64 }
///
/// impl Actor for Counter { type Context = Context<Self>; }
///
/// impl Handler<Task<Visit>> for Counter {
///     type Result = Result<(), TaskError>;
///
///     fn handle(&mut self, _: Task<Visit>, _: &mut Context<Self>) -> Self::Result {
///         self.visits += 1;
///         Ok(())
///     }
/// }
///
/// fn is_handler(_: &impl TaskHandler<Visit>) {}
/// is_handler(&Counter::default());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor that handles tasks of type `{T}`",
    label = "no handler of `Task<{T}>`",
    note = "write `impl Actor for {Self} {{ type Context = Context<Self>; }}`",
    note = "write `impl Handler<Task<{T}>> for {Self}` with `type Result = ResponseFuture<Result<(), TaskError>>;`"
)]
pub trait TaskHandler<T: 'static>: Actor<Context = Context<Self>> + Handler<Task<T>> {}

#[diagnostic::do_not_recommend]
impl<T: 'static, A: Actor<Context = Context<A>> + Handler<Task<T>>> TaskHandler<T> for A {}
