//! The connection on which the server tells which keys have changed: one for all watched sets of a backend.
//!
//! It is RESP3's tracking in its default mode: the server remembers which keys this connection has read, and tells once
//! when such a key is changed, by whomever and however. Reading the key again arms it again. After a loss nothing is
//! remembered, so every watch is told that it is broken.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::watch::Ears;
use crate::backend::{
    BackendError, BackendErrorKind, Operation,
    redis::{config::Settings, io::IoThread, link, reply, scripts::Request},
};

pub(in crate::backend::redis) struct Tracker {
    settings: Arc<Settings>,
    ears: Mutex<Vec<Weak<Ears>>>,
    state: watch::Sender<State>,
    /// Tells the keeper that the connection of a generation is of no use.
    doubts: OnceLock<mpsc::UnboundedSender<u64>>,
}

enum State {
    /// No attempt to connect has ended yet.
    New,
    Up(Connected),
    /// Why, if that is known.
    Down(Option<RedisError>),
}

/// A connection with tracking on.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) generation: u64,
    pub(super) connection: MultiplexedConnection,
}

impl Tracker {
    pub(in crate::backend::redis) fn new(settings: Arc<Settings>) -> Arc<Self> {
        let (state, _) = watch::channel(State::New);
        Arc::new(Self { settings, ears: Mutex::default(), state, doubts: OnceLock::new() })
    }

    /// Begins to keep the connection, if that has not begun yet, as a backend without watches needs none; and waits for
    /// the first attempt to connect, whatever comes of it.
    pub(super) async fn begin(self: &Arc<Self>, io: &IoThread) {
        self.doubts.get_or_init(|| {
            let (doubts, complaints) = mpsc::unbounded_channel();
            io.spawn(keep(Arc::downgrade(self), doubts.clone(), complaints));
            doubts
        });
        let mut state = self.state.subscribe();
        // The sender is here, so there is no error.
        let _ = state.wait_for(|state| !matches!(state, State::New)).await;
    }

    pub(super) fn register(&self, ears: &Arc<Ears>) {
        let mut all = lock(&self.ears);
        all.retain(|ears| ears.strong_count() > 0);
        all.push(Arc::downgrade(ears));
    }

    /// The connection there is, without waiting for one.
    pub(super) fn connected(&self) -> Result<Connected, BackendError> {
        match &*self.state.borrow() {
            State::Up(connected) => Ok(connected.clone()),
            State::New | State::Down(None) => {
                Err(BackendError::new(BackendErrorKind::Unavailable, Operation::WatchSet))
            }
            State::Down(Some(error)) => Err(reply::error(Operation::WatchSet, error.clone())),
        }
    }

    pub(super) async fn send(
        &self,
        generation: u64,
        mut connection: MultiplexedConnection,
        request: &Request,
    ) -> Result<Value, BackendError> {
        match request.send(&mut connection).await {
            Ok(mut replies) => match replies.pop() {
                Some(reply) => reply.map_err(|error| reply::error(Operation::WatchSet, error)),
                None => Err(reply::unexpected(Operation::WatchSet, "the reply is empty")),
            },
            Err(error) => {
                // A connection that is late with replies is late with news, too.
                if let Some(doubts) = self.doubts.get() {
                    let _ = doubts.send(generation);
                }
                Err(reply::error(Operation::WatchSet, error))
            }
        }
    }

    fn hear(&self, keys: Option<&[Value]>) {
        let ears: Vec<_> = lock(&self.ears).iter().filter_map(Weak::upgrade).collect();
        let Some(keys) = keys else {
            return ears.iter().for_each(|ears| ears.hear_value());
        };
        for key in keys {
            let Value::BulkString(key) = key else { continue };
            for ears in &ears {
                if *key == ears.value {
                    ears.hear_value();
                } else if *key == ears.version {
                    ears.hear_version();
                }
            }
        }
    }

    fn each_ear(&self, hear: impl Fn(&Ears)) {
        lock(&self.ears).iter().filter_map(Weak::upgrade).for_each(|ears| hear(&ears));
    }
}

/// Keeps the connection until the tracker is gone.
async fn keep(
    tracker: Weak<Tracker>,
    doubts: mpsc::UnboundedSender<u64>,
    mut complaints: mpsc::UnboundedReceiver<u64>,
) {
    let mut pause = link::FIRST_PAUSE;
    for generation in 0.. {
        let Some(settings) = tracker.upgrade().map(|tracker| tracker.settings.clone()) else { return };
        let connected = connect(&settings, tracker.clone(), generation, doubts.clone()).await;
        let Some(alive) = tracker.upgrade() else { return };
        match connected {
            Ok(connection) => {
                tracing::debug!(address = %settings.address, "Redis tells of changes");
                alive.state.send_replace(State::Up(Connected { generation, connection }));
                alive.each_ear(Ears::hear_of_a_connection);
                drop(alive);
                pause = link::FIRST_PAUSE;
                // What earlier connections are accused of is of no interest.
                while complaints.recv().await.is_some_and(|accused| accused < generation) {}
                let Some(alive) = tracker.upgrade() else { return };
                tracing::warn!(address = %settings.address, "Redis tells of changes no more: connecting again");
                // In this order: no watch is armed on the connection that is gone once it was told of its end.
                alive.state.send_replace(State::Down(None));
                alive.each_ear(Ears::hear_of_the_end);
            }
            Err(error) => {
                tracing::debug!(address = %settings.address, %error, "Redis does not tell of changes");
                alive.state.send_replace(State::Down(Some(error)));
            }
        }
        sleep(link::jittered(&mut pause)).await;
    }
}

async fn connect(
    settings: &Settings,
    tracker: Weak<Tracker>,
    generation: u64,
    doubts: mpsc::UnboundedSender<u64>,
) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.connect_timeout))
        .set_response_timeout(Some(settings.response_timeout.min(LONGEST_SILENCE)))
        .set_push_sender(move |push: PushInfo| {
            match push.kind {
                PushKind::Disconnection => {
                    let _ = doubts.send(generation);
                }
                PushKind::Invalidate => {
                    if let Some(tracker) = tracker.upgrade() {
                        match push.data.first() {
                            Some(Value::Array(keys)) => tracker.hear(Some(keys)),
                            // No keys: all of them.
                            _ => tracker.hear(None),
                        }
                    }
                }
                _ => {}
            }
            Ok::<(), Infallible>(())
        });
    let mut connection = settings.client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut tracking = Request::command("CLIENT");
    tracking.arg("TRACKING").arg("ON");
    for reply in tracking.send_once(&mut connection).await? {
        reply?;
    }
    Ok(connection)
}

/// How long the server may take to answer on this connection before it is given up: news that late is none.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
