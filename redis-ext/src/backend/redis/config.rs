//! How a [`RedisBackend`] is set up.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisResult};

use super::{RedisBackend, io::IoThread, link::Link, server};
use crate::backend::{BackendError, BackendErrorKind, DEFAULT_MAX_ENTRY_BYTES, Operation};

/// Settings of a [`RedisBackend`], made by [`RedisBackend::builder`].
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use redis_ext::RedisBackend;
///
/// # async fn connect() -> Result<(), redis_ext::Error> {
/// let backend = RedisBackend::builder("redis://127.0.0.1/")
///     .max_entry_bytes(64 * 1024)
///     .response_timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until `connect` is called"]
pub struct RedisBackendBuilder {
    server: RedisResult<ConnectionInfo>,
    max_entry_bytes: usize,
    response_timeout: Duration,
    connect_timeout: Duration,
    reconnect_wait: Duration,
}

/// What the connections need to know.
pub(super) struct Settings {
    pub(super) client: Client,
    /// Host and port, or the path of a socket: fit to be shown.
    pub(super) address: String,
    pub(super) response_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) reconnect_wait: Duration,
}

impl RedisBackendBuilder {
    /// [`max_entry_bytes`](Self::max_entry_bytes) unless told otherwise: 1 MiB.
    pub const DEFAULT_MAX_ENTRY_BYTES: usize = DEFAULT_MAX_ENTRY_BYTES;
    /// [`response_timeout`](Self::response_timeout) unless told otherwise: 5 seconds.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// [`connect_timeout`](Self::connect_timeout) unless told otherwise: 2 seconds.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
    /// [`reconnect_wait`](Self::reconnect_wait) unless told otherwise: 3 seconds.
    pub const DEFAULT_RECONNECT_WAIT: Duration = Duration::from_secs(3);

    pub(super) fn new(url: &str) -> Self {
        Self {
            server: url.into_connection_info(),
            max_entry_bytes: Self::DEFAULT_MAX_ENTRY_BYTES,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            reconnect_wait: Self::DEFAULT_RECONNECT_WAIT,
        }
    }

    /// The most bytes of one entry. A larger one is refused with
    /// [`TooLarge`](crate::BackendErrorKind::TooLarge) before it is sent.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.max_entry_bytes = bytes;
        self
    }

    /// How long a call waits for the server's answer before it fails with
    /// [`Timeout`](crate::BackendErrorKind::Timeout).
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// How long one attempt to connect may take.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call waits for a lost connection to come back before it fails with
    /// [`Unavailable`](crate::BackendErrorKind::Unavailable). Reconnecting itself is tried for ever.
    pub fn reconnect_wait(mut self, wait: Duration) -> Self {
        self.reconnect_wait = wait;
        self
    }

    /// Connects, and checks that the server is one that this backend can work with: a single Redis of version 6.2 or
    /// later, or a server that behaves like one.
    ///
    /// # Errors
    /// [`Unavailable`](crate::BackendErrorKind::Unavailable) when no server answers;
    /// [`Config`](crate::BackendErrorKind::Config) when the URL is wrong, the server refuses the credentials, is too
    /// old or part of a cluster; and outside of a tokio runtime.
    ///
    /// # Examples
    /// See [`RedisBackendBuilder`].
    pub async fn connect(self) -> Result<RedisBackend, BackendError> {
        let misconfigured = |error| BackendError::new(BackendErrorKind::Config, Operation::Connect).with_source(error);
        let server = self.server.map_err(misconfigured)?;
        if let Err(error) = tokio::runtime::Handle::try_current() {
            return Err(BackendError::new(BackendErrorKind::Config, Operation::Connect).with_source(error));
        }
        let address = server.addr().to_string();
        let client = Client::open(tuned(server)).map_err(misconfigured)?;
        let settings = Arc::new(Settings {
            client,
            address,
            response_timeout: self.response_timeout,
            connect_timeout: self.connect_timeout,
            reconnect_wait: self.reconnect_wait,
        });
        let io = IoThread::start()
            .map_err(|error| BackendError::new(BackendErrorKind::Unexpected, Operation::Connect).with_source(error))?;
        let link = Link::open(&io, settings).await?;
        server::check(&link).await?;
        Ok(RedisBackend::new(io, link, self.max_entry_bytes))
    }
}

/// The server's settings with those that the connections rely on.
fn tuned(server: ConnectionInfo) -> ConnectionInfo {
    // RESP3, as only then the client library tells at once that the server hung up; without Nagle's algorithm, which
    // holds small commands back while a reply is on its way.
    let redis = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = server.tcp_settings().clone().set_nodelay(true);
    server.set_redis_settings(redis).set_tcp_settings(tcp)
}

impl fmt::Debug for RedisBackendBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server.as_ref().map(|server| server.addr().to_string());
        f.debug_struct("RedisBackendBuilder")
            .field("server", &server)
            .field("max_entry_bytes", &self.max_entry_bytes)
            .field("response_timeout", &self.response_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("reconnect_wait", &self.reconnect_wait)
            .finish()
    }
}
