//! A client that knows nothing of this library, for a look at the server from outside.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use crate::RedisServer;

const UP: &str = "the server is up and answers";

/// Another client of the server, which sends commands as they are typed.
///
/// # Panics
/// Its methods, when the server does not answer.
///
/// # Examples
/// ```
/// use redis_ext_tests::{Raw, RedisServer};
///
/// let server = RedisServer::start();
/// assert_eq!(Raw::to(&server).send("PING"), "+PONG");
/// ```
#[derive(Debug)]
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    /// Connects to the server.
    #[must_use]
    pub fn to(server: &RedisServer) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", server.port())).expect(UP)))
    }

    /// Sends a command and gives the first line of its reply, or the whole of a text of several lines.
    pub fn send(&mut self, command: &str) -> String {
        self.begin(command);
        let line = self.line();
        match line.strip_prefix('$').and_then(|bytes| bytes.parse::<i64>().ok()) {
            Some(bytes) if bytes >= 0 => {
                let mut text = vec![0; usize::try_from(bytes).expect(UP) + 2];
                self.0.read_exact(&mut text).expect(UP);
                String::from_utf8(text).expect(UP).trim_end().to_owned()
            }
            _ => line,
        }
    }

    /// Sends a command and leaves its reply to later [lines](Self::line).
    pub fn begin(&mut self, command: &str) {
        writeln!(self.0.get_mut(), "{command}").expect(UP);
    }

    /// The next line of a reply.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect(UP);
        line.trim_end().to_owned()
    }

    /// A hash of everything that the server holds.
    #[must_use]
    pub fn digest(&mut self) -> String {
        let script = "local keys = redis.call('KEYS', '*') table.sort(keys) local all = '' \
                      for _, key in ipairs(keys) do all = all .. key .. redis.call('DUMP', key) end \
                      return redis.sha1hex(all)";
        let digest = self.send(&format!("EVAL \"{script}\" 0"));
        assert_eq!(digest.len(), 40, "{digest}");
        digest
    }

    /// The server's clients that are blocked at the moment.
    #[must_use]
    pub fn blocked(&mut self) -> Vec<String> {
        let clients = self.send("CLIENT LIST");
        let id = |client: &str| client.split(' ').find_map(|field| field.strip_prefix("id=")).map(str::to_owned);
        clients.lines().filter(|client| client.contains("cmd=blmove")).filter_map(id).collect()
    }
}
