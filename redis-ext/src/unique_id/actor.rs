//! The actor: it is told that there is work, and has the engine do it.

use std::{panic::AssertUnwindSafe, sync::Arc};

use actix::{Actor, Addr, ArbiterHandle, AsyncContext as _, Context, Handler, Message, Supervised, Supervisor};
use futures_util::FutureExt as _;

use super::engine::{Engine, Work};

/// Works for a [`UniqueId`](super::UniqueId) and its clones, on the arbiter where it was started.
///
/// It gets one message for each burst of calls, not one for each call: callers leave their keys with the engine that
/// they share with it, and the first of a burst tells the actor. Supervised, it lasts until the last handle is dropped
/// or its arbiter ends.
///
/// # Examples
/// See [`UniqueId`](super::UniqueId).
pub struct UniqueIdActor {
    engine: Arc<Engine>,
}

impl Message for Work {
    type Result = ();
}

impl UniqueIdActor {
    pub(super) fn start(engine: Arc<Engine>, arbiter: &ArbiterHandle) -> Addr<Self> {
        Supervisor::start_in_arbiter(arbiter, |_| Self { engine })
    }
}

impl Actor for UniqueIdActor {
    type Context = Context<Self>;
}

impl Supervised for UniqueIdActor {}

impl Handler<Work> for UniqueIdActor {
    type Result = ();

    fn handle(&mut self, work: Work, ctx: &mut Self::Context) {
        let (engine, actor) = (Arc::clone(&self.engine), ctx.address());
        // Not a future of the context's, which looks at all of its futures for each message.
        actix::spawn(async move {
            if AssertUnwindSafe(engine.work(work)).catch_unwind().await.is_err() {
                tracing::error!(class = %engine.class, "a backend of unique IDs has panicked");
                if engine.is_left_with(work) {
                    actor.do_send(work);
                }
            }
        });
    }
}

impl Drop for UniqueIdActor {
    fn drop(&mut self) {
        self.engine.close();
    }
}

impl std::fmt::Debug for UniqueIdActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UniqueIdActor").field("class", &self.engine.class).finish_non_exhaustive()
    }
}
