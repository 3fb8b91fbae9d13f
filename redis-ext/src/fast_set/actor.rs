//! The actor around the engine: it starts it, starts it again should it fall, and hands requests on.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{Actor, Context, Handler, Message, ResponseFuture, Supervised};
use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use super::{
    FastSetError, SetMember,
    engine::{Answer, Engine, Request},
};
use crate::backend::{SetChange, SetChanged};

/// How many requests may wait before their senders do.
const INBOX: usize = 64;

/// An engine that fell, as by a panic in the decoding of a member, is started again after this long.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Owns the local copy of a set, and makes the writes of all its handles.
///
/// It is started by [`FastSetBuilder::open`](super::FastSetBuilder::open), lives on the arbiter that called it, and
/// ends with the last handle.
///
/// # Examples
/// See [`FastSet`](super::FastSet).
pub struct FastSetActor<T> {
    engine: Arc<Engine<T>>,
    requests: mpsc::Sender<Request>,
}

impl<T: SetMember> FastSetActor<T> {
    pub(super) fn new(engine: Engine<T>) -> Self {
        // Nobody listens before `started`.
        let (requests, _) = mpsc::channel(INBOX);
        Self { engine: Arc::new(engine), requests }
    }
}

impl<T: SetMember> Actor for FastSetActor<T> {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        let (sender, mut requests) = mpsc::channel(INBOX);
        self.requests = sender;
        let engine = Arc::clone(&self.engine);
        actix::spawn(async move {
            while AssertUnwindSafe(engine.run(&mut requests)).catch_unwind().await.is_err() {
                tracing::error!(set = %engine.set, "the owner of the set panicked: is it a member's type that does?");
                sleep(RESTART_AFTER).await;
            }
        });
    }
}

impl<T: SetMember> Supervised for FastSetActor<T> {}

/// Makes a change, and answers once the view has seen it.
pub(super) struct Change(pub(super) SetChange);

impl Message for Change {
    type Result = Result<SetChanged, FastSetError>;
}

/// Looks at the store now.
pub(super) struct Refresh;

impl Message for Refresh {
    type Result = Result<(), FastSetError>;
}

impl<T> FastSetActor<T> {
    fn ask<R: Send + 'static>(
        &self,
        request: impl FnOnce(Answer<R>) -> Request,
    ) -> ResponseFuture<Result<R, FastSetError>> {
        let (answer, answered) = oneshot::channel();
        let (requests, request) = (self.requests.clone(), request(answer));
        Box::pin(async move {
            requests.send(request).await.map_err(|_| FastSetError::Closed)?;
            answered.await.unwrap_or(Err(FastSetError::Closed))
        })
    }
}

impl<T: SetMember> Handler<Change> for FastSetActor<T> {
    type Result = ResponseFuture<Result<SetChanged, FastSetError>>;

    fn handle(&mut self, Change(change): Change, _: &mut Self::Context) -> Self::Result {
        self.ask(|answer| Request::Change(change, answer))
    }
}

impl<T: SetMember> Handler<Refresh> for FastSetActor<T> {
    type Result = ResponseFuture<Result<(), FastSetError>>;

    fn handle(&mut self, Refresh: Refresh, _: &mut Self::Context) -> Self::Result {
        self.ask(Request::Refresh)
    }
}
