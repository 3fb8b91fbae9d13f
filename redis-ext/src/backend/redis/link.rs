//! The connection for everything that does not block: one for all callers, whose commands pipeline themselves, and
//! which comes back for ever.
//!
//! A task on the I/O thread keeps it. The server's hanging up is noticed at once, a server that falls silent when a
//! reply is overdue; then connecting is tried again, at first after [`FIRST_PAUSE`], later about every
//! [`LONGEST_PAUSE`]. Calls that come meanwhile wait for a while. Nothing is ever sent twice here: whoever made a
//! call whose reply was lost knows whether to repeat it.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, RedisResult, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{config::Settings, io::IoThread, reply, scripts::Request};
use crate::backend::{BackendError, Operation};

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many commands may stand between the callers and the socket before callers wait: twice a handful of busy
/// workers' and a hundred producers', at some hundred bytes each.
const COMMAND_BUFFER: usize = 4096;

/// How many bytes are collected for one write to the socket.
const WRITE_BUFFER: usize = 64 * 1024;

/// A handle to the connection.
#[derive(Clone)]
pub(super) struct Link {
    settings: Arc<Settings>,
    state: watch::Receiver<State>,
    doubts: mpsc::UnboundedSender<Doubt>,
}

#[derive(Clone)]
enum State {
    Up(Up),
    /// Why the last attempt to connect failed, once there was one.
    Down(Option<RedisError>),
}

/// A connection, numbered so that a late complaint about an earlier one is told apart.
#[derive(Clone)]
struct Up {
    generation: u64,
    connection: MultiplexedConnection,
}

/// A complaint about the connection of a generation; the later and the more certain one is the greater.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    generation: u64,
    /// It is certain that the connection is gone.
    gone: bool,
}

impl Link {
    /// Makes the first connection, and keeps it from then on.
    pub(super) async fn open(io: &IoThread, settings: Arc<Settings>) -> Result<Self, BackendError> {
        let (doubts, complaints) = mpsc::unbounded_channel();
        let keeper = Keeper { settings: settings.clone(), doubts: doubts.clone() };
        let (keeper, first) = io
            .spawn(async move {
                let first = keeper.connect(0).await;
                (keeper, first)
            })
            .await
            .map_err(|error| reply::unexpected(Operation::Connect, error))?;
        let connection =
            first.map_err(|error| reply::connect_error(Operation::Connect, &settings.address, Some(error)))?;
        let (publish, state) = watch::channel(State::Up(Up { generation: 0, connection }));
        io.spawn(keeper.keep(publish, complaints));
        Ok(Self { settings, state, doubts })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn shared_settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    /// Sends a request of one command, and gives its reply.
    pub(super) async fn send(&self, operation: Operation, request: &Request) -> Result<Value, BackendError> {
        let mut replies = self.send_all(operation, request).await?;
        replies.pop().ok_or_else(|| reply::unexpected(operation, "the reply is empty"))
    }

    /// Sends a request, and gives each command's reply; an error of one is an error of all.
    pub(super) async fn send_all(&self, operation: Operation, request: &Request) -> Result<Vec<Value>, BackendError> {
        let Up { generation, mut connection } = self.up(operation).await?;
        match request.send(&mut connection).await {
            Ok(replies) => {
                let others = request.has_several_scripts() && replies.iter().any(Result::is_ok);
                replies.into_iter().collect::<RedisResult<_>>().map_err(|error| {
                    let error = reply::error(operation, error);
                    if others { error.maybe_applied() } else { error }
                })
            }
            Err(error) => {
                let gone = error.is_unrecoverable_error() && !error.is_timeout();
                // Nobody listens when the backend is being dropped.
                let _ = self.doubts.send(Doubt { generation, gone });
                Err(reply::error(operation, error))
            }
        }
    }

    async fn up(&self, operation: Operation) -> Result<Up, BackendError> {
        if let State::Up(up) = &*self.state.borrow() {
            return Ok(up.clone());
        }
        let mut state = self.state.clone();
        let waited = timeout(self.settings.reconnect_wait, state.wait_for(|state| matches!(state, State::Up(_)))).await;
        if let Ok(Ok(state)) = waited
            && let State::Up(up) = &*state
        {
            return Ok(up.clone());
        }
        let why = match &*self.state.borrow() {
            State::Up(up) => return Ok(up.clone()),
            State::Down(error) => error.clone(),
        };
        Err(reply::connect_error(operation, &self.settings.address, why))
    }
}

/// What keeps the connection.
struct Keeper {
    settings: Arc<Settings>,
    doubts: mpsc::UnboundedSender<Doubt>,
}

impl Keeper {
    async fn keep(self, publish: watch::Sender<State>, mut complaints: mpsc::UnboundedReceiver<Doubt>) {
        let mut generation = 0;
        while let Some(mut doubt) = complaints.recv().await {
            // When one reply is overdue, many are: one look answers them all.
            while let Ok(more) = complaints.try_recv() {
                doubt = doubt.max(more);
            }
            if doubt.generation != generation || !(doubt.gone || is_silent(&publish, &self.settings).await) {
                continue;
            }
            let address = &self.settings.address;
            tracing::warn!(%address, "the connection to Redis is lost");
            publish.send_replace(State::Down(None));
            generation += 1;
            let mut pause = FIRST_PAUSE;
            let connection = loop {
                match self.connect(generation).await {
                    Ok(connection) => break connection,
                    Err(error) => {
                        tracing::debug!(%address, %error, "Redis cannot be reached");
                        publish.send_replace(State::Down(Some(error)));
                    }
                }
                sleep(jittered(&mut pause)).await;
            };
            tracing::info!(%address, "connected to Redis again");
            publish.send_replace(State::Up(Up { generation, connection }));
        }
    }

    async fn connect(&self, generation: u64) -> RedisResult<MultiplexedConnection> {
        let doubts = self.doubts.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect_timeout))
            .set_response_timeout(Some(self.settings.response_timeout))
            .set_pipeline_buffer_size(COMMAND_BUFFER)
            .set_write_backpressure_boundary(WRITE_BUFFER)
            .set_push_sender(move |push: PushInfo| match push.kind {
                PushKind::Disconnection => doubts.send(Doubt { generation, gone: true }),
                _ => Ok(()),
            });
        self.settings.client.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// The pause before the next try to connect, and makes the one after it longer.
pub(super) fn jittered(pause: &mut Duration) -> Duration {
    let this = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
    *pause = LONGEST_PAUSE.min(*pause * 2);
    this
}

/// Whether the connection does not answer any more; a server that is only slow does in the end.
async fn is_silent(state: &watch::Sender<State>, settings: &Settings) -> bool {
    let up = match &*state.borrow() {
        State::Up(up) => up.clone(),
        State::Down(_) => return false,
    };
    let ping = Request::command("PING");
    let mut connection = up.connection;
    let answer = timeout(settings.response_timeout, ping.send_once(&mut connection)).await;
    !matches!(answer, Ok(Ok(_)))
}

/// A connection for one caller's blocking commands, driven by the caller's runtime.
pub(super) async fn connect_blocking(client: &Client, connect_timeout: Duration) -> RedisResult<MultiplexedConnection> {
    // The client must not stop waiting on its own: the server would not notice, and take an entry for nobody.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(connect_timeout)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
