//! A real Redis server for one test, or for all tests of a binary.
//!
//! It listens on a free loopback port, keeps its files in a directory of its own, and ends with its owner: on drop,
//! and through a guard process also when the test process is killed or exits with the server in a static.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take to answer its first `PING`; it takes about 20 ms on an idle machine.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// How many ports are tried: between finding a free one and the server's bind, another process may take it.
const PORTS_TRIED: usize = 5;

/// A running Redis server, stopped on drop.
///
/// # Panics
/// Starting it panics when there is no server to run or it does not come up, with what to do about it: a test that
/// needs a server fails without one.
///
/// # Examples
/// ```
/// use redis_ext_tests::RedisServer;
///
/// let server = RedisServer::builder().password("secret").arg("maxmemory", "64mb").start();
/// assert_eq!(server.url(), format!("redis://:secret@127.0.0.1:{}/", server.port()));
/// ```
#[derive(Debug)]
pub struct RedisServer {
    settings: RedisServerBuilder,
    port: u16,
    dir: TempDir,
    running: Option<Running>,
}

/// The settings of a [`RedisServer`] about to be started.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing runs before `start`"]
pub struct RedisServerBuilder {
    password: Option<String>,
    config: Vec<(String, String)>,
}

#[derive(Debug)]
struct Running {
    server: Child,
    guard: Child,
}

/// Why a server did not come up.
#[derive(Debug)]
enum StartFailure {
    Exited,
    Silent,
}

impl RedisServer {
    /// A server with everything at its default and nothing written to disk.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server with settings of its own.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// The server that the tests of this binary share; they keep apart by queue names of their own.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Which server this is, in the words of its program: `Redis server v=7.0.15`, say.
    #[must_use]
    pub fn version() -> String {
        let output = Command::new(binary()).arg("--version").output().expect("the server's program can be run");
        let text = String::from_utf8_lossy(&output.stdout);
        text.split(" sha=").next().unwrap_or_default().trim().to_owned()
    }

    /// Its address for clients, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.settings.password {
            None => format!("redis://127.0.0.1:{}/", self.port),
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/", self.port),
        }
    }

    /// Its port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.server.id())
    }

    /// Sends its process a signal by name, such as `-STOP`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().expect("the server runs").to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("`kill` can be run");
        assert!(sent.success(), "kill {signal} {pid}");
    }

    /// Kills the server as a power failure would (`SIGKILL`); its files stay. Does nothing when it does not run.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Kills the server if it runs and starts it again on the same port and directory: what it had written to disk
    /// comes back, which without [`durable`](RedisServerBuilder::durable) is nothing.
    pub fn restart(&mut self) {
        self.kill();
        match Running::start(&self.settings, self.port, &self.dir) {
            Ok(running) => self.running = Some(running),
            Err(failure) => panic!("{}", failure.report(&self.dir)),
        }
    }
}

impl RedisServerBuilder {
    /// Requires this password of clients; [`url`](RedisServer::url) carries it.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        let password = password.into();
        self.password = Some(password.clone());
        self.arg("requirepass", password)
    }

    /// Writes each change to disk before it is answered, so that it survives [`kill`](RedisServer::kill).
    pub fn durable(self) -> Self {
        self.arg("appendonly", "yes").arg("appendfsync", "always")
    }

    /// Any setting of `redis.conf`, such as `("maxmemory", "2mb")`.
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }

    /// Starts the server and waits until it answers. For panics see [`RedisServer`].
    #[must_use]
    pub fn start(self) -> RedisServer {
        let dir = tempfile::Builder::new().prefix("redis-ext-").tempdir().expect("a temporary directory can be made");
        for _ in 0..PORTS_TRIED {
            let port = free_port();
            match Running::start(&self, port, &dir) {
                Ok(running) => return RedisServer { settings: self, port, dir, running: Some(running) },
                Err(StartFailure::Exited) => {}
                Err(failure @ StartFailure::Silent) => panic!("{}", failure.report(&dir)),
            }
        }
        panic!("{}", StartFailure::Exited.report(&dir));
    }
}

impl Running {
    fn start(settings: &RedisServerBuilder, port: u16, dir: &TempDir) -> Result<Self, StartFailure> {
        let log = File::options().create(true).append(true).open(log_of(dir)).expect("the server's log can be written");
        let mut command = Command::new(binary());
        command.arg("--port").arg(port.to_string()).arg("--dir").arg(dir.path());
        command.args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        for (name, value) in &settings.config {
            command.arg(format!("--{name}")).arg(value);
        }
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a file can be shared")).stdout(log);
        let server = command.spawn().unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!(
                "this test needs a Redis server, and {:?} was not found: install one with `apt-get install \
                 redis-server`, run the tests by `scripts/test`, which fetches one, or set REDIS_SERVER_BIN to the \
                 path of a redis-server or valkey-server",
                binary()
            ),
            _ => panic!("{:?} could not be started: {error}", binary()),
        });
        let guard = guard_of(server.id());
        let mut running = Self { server, guard };
        running.wait_until_it_answers(settings.password.as_deref(), port).map(|()| running)
    }

    fn wait_until_it_answers(&mut self, password: Option<&str>, port: u16) -> Result<(), StartFailure> {
        let begun = Instant::now();
        while begun.elapsed() < START_PATIENCE {
            if answers(password, port) {
                return Ok(());
            }
            if matches!(self.server.try_wait(), Ok(Some(_))) {
                return Err(StartFailure::Exited);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(StartFailure::Silent)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The guard goes first: it must not outlive the process whose ID it holds.
        for child in [&mut self.guard, &mut self.server] {
            let _already_gone = child.kill();
            let _already_gone = child.wait();
        }
    }
}

impl StartFailure {
    fn report(&self, dir: &TempDir) -> String {
        let log = fs::read_to_string(log_of(dir)).unwrap_or_default();
        match self {
            Self::Exited => format!("the Redis server exited while it started; its log:\n{log}"),
            Self::Silent => format!("the Redis server did not answer within {START_PATIENCE:?}; its log:\n{log}"),
        }
    }
}

fn binary() -> OsString {
    env::var_os("REDIS_SERVER_BIN").unwrap_or_else(|| "redis-server".into())
}

fn log_of(dir: &TempDir) -> PathBuf {
    dir.path().join("server.log")
}

/// A port that nothing listens on at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Kills the server once this process is gone, however it ended: that closes the pipe which the guard reads.
fn guard_of(server: u32) -> Child {
    Command::new("sh")
        .args(["-c", &format!("cat; kill -9 {server}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started")
}

/// Whether a server on `port` answers `PING`; one that still loads its data does not.
fn answers(password: Option<&str>, port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        if let Some(password) = password {
            let length = password.len();
            write!(connection, "*2\r\n$4\r\nAUTH\r\n${length}\r\n{password}\r\n")?;
        }
        connection.write_all(b"PING\r\nQUIT\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer.contains("+PONG"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_until_it_is_killed_and_again_after_a_restart() {
        let mut server = RedisServer::start();
        assert!(answers(None, server.port()));
        server.kill();
        assert!(!answers(None, server.port()) && server.pid().is_none());
        let port = server.port();
        server.restart();
        assert!(answers(None, port) && server.port() == port);
    }

    #[test]
    fn dropping_a_server_ends_its_process() {
        let server = RedisServer::builder().password("secret").start();
        let port = server.port();
        assert!(answers(Some("secret"), port) && !answers(None, port));
        drop(server);
        assert!(!answers(Some("secret"), port));
    }

    #[test]
    #[should_panic(expected = "argument must be a memory value")]
    fn a_setting_that_the_server_refuses_is_reported_with_its_log() {
        let _server = RedisServer::builder().arg("maxmemory", "plenty").start();
    }
}
