//! Unique IDs: what users see on both backends, what lies on the server, faults, processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
mod handle;
mod layout;
mod losses;
mod model;
mod processes;
mod refusals;

use std::{cell::RefCell, future::Future, time::Duration};

use redis::{Connection, FromRedisValue, ToRedisArgs};
use redis_ext::{
    BackendErrorKind, Error, IdClass, IdTtl, RedisBackend, UniqueId,
    backend::{IdKey, IdRules},
};
use redis_ext_tests::RedisServer;

const CLASS: IdClass = IdClass::from_static("user");
const FOREVER: IdRules = IdRules { ttl: IdTtl::NONE, reverse: false };
const REVERSIBLE: IdRules = IdRules { ttl: IdTtl::NONE, reverse: true };

fn keys(texts: &[&str]) -> Vec<IdKey> {
    texts.iter().map(|text| IdKey::new(text).unwrap()).collect()
}

/// A server, our backend on it, and a way past it.
struct Stage {
    backend: RedisBackend,
    direct: RefCell<Connection>,
    _server: RedisServer,
}

impl Stage {
    async fn new() -> Self {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        Self::with(server, backend)
    }

    fn with(server: RedisServer, backend: RedisBackend) -> Self {
        let direct = RefCell::new(connection(&server));
        Self { backend, direct, _server: server }
    }

    /// The IDs of `user`, with the way back and for ever.
    fn ids(&self) -> UniqueId {
        UniqueId::builder(self.backend.clone(), CLASS).ttl(IdTtl::NONE).reverse().start().unwrap()
    }

    /// Sends a command past our backend.
    fn ask<T: FromRedisValue>(&self, command: &str, arguments: &[impl ToRedisArgs]) -> T {
        ask(&mut self.direct.borrow_mut(), command, arguments)
    }

    /// All that the server holds.
    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut keys: Vec<String> = self.ask("KEYS", &["*"]);
        keys.sort();
        keys.into_iter().map(|key| (key.clone(), self.ask("DUMP", &[key]))).collect()
    }
}

fn connection(server: &RedisServer) -> Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn ask<T: FromRedisValue>(connection: &mut Connection, command: &str, arguments: &[impl ToRedisArgs]) -> T {
    redis::cmd(command).arg(arguments).query(connection).unwrap()
}

fn kind<T: std::fmt::Debug>(outcome: Result<T, Error>) -> BackendErrorKind {
    match outcome {
        Err(Error::Backend(error)) => error.kind(),
        other => panic!("an error of the backend was expected, not {other:?}"),
    }
}

/// Runs a test where actors can live.
fn in_system(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}
