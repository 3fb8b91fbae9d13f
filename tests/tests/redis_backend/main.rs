//! What only the Redis backend does: wrong types, refusals of the server, lost connections and scripts, blocking.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod budget;
mod connections;
mod keys;
mod refusals;
mod waiting;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use redis_ext::{
    BackendError, BackendErrorKind, QueueName, RedisBackend, TaskId,
    backend::{
        BatchId, Claim, ClaimedBatch, DeadLetter, DeathReason, Due, Lease, NewTask, Page, Recovery, Retention,
        Selection, SetBackend, SetChange, SetEdit, TaskBackend, UniqueLock, WorkerId,
    },
};
use redis_ext_tests::RedisServer;
use tokio_util::sync::CancellationToken;

static QUEUE: QueueName = QueueName::from_static("q");
const TTL: Duration = Duration::from_secs(30);

/// Another client of the server, which sends commands as they are typed and gives the first line of the reply.
struct Raw(BufReader<TcpStream>);

impl Raw {
    fn to(server: &RedisServer) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", server.port())).unwrap()))
    }

    fn send(&mut self, command: &str) -> String {
        writeln!(self.0.get_mut(), "{command}").unwrap();
        let line = self.line();
        match line.strip_prefix('$').and_then(|bytes| bytes.parse::<i64>().ok()) {
            Some(bytes) if bytes >= 0 => {
                let mut text = vec![0; usize::try_from(bytes).unwrap() + 2];
                std::io::Read::read_exact(&mut self.0, &mut text).unwrap();
                String::from_utf8(text).unwrap().trim_end().to_owned()
            }
            _ => line,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// A hash of everything that the server holds.
    fn digest(&mut self) -> String {
        let script = "local keys = redis.call('KEYS', '*') table.sort(keys) local all = '' \
                      for _, key in ipairs(keys) do all = all .. key .. redis.call('DUMP', key) end \
                      return redis.sha1hex(all)";
        let digest = self.send(&format!("EVAL \"{script}\" 0"));
        assert_eq!(digest.len(), 40, "{digest}");
        digest
    }

    /// The server's clients that are blocked at the moment.
    fn blocked(&mut self) -> Vec<String> {
        let clients = self.send("CLIENT LIST");
        let id = |client: &str| client.split(' ').find_map(|field| field.strip_prefix("id=")).map(str::to_owned);
        clients.lines().filter(|client| client.contains("cmd=blmove")).filter_map(id).collect()
    }
}

async fn connect(server: &RedisServer) -> RedisBackend {
    RedisBackend::connect(&server.url()).await.unwrap()
}

async fn joined(backend: &RedisBackend) -> Lease {
    let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    backend.join(&lease, TTL).await.unwrap();
    lease
}

fn claim(batch: u64, max: usize) -> Claim {
    Claim { batch: BatchId(batch), max: NonZeroUsize::new(max).unwrap() }
}

fn tasks(entries: &[&str]) -> Vec<NewTask> {
    entries.iter().map(|entry| NewTask::new(*entry)).collect()
}

fn entries(batch: &ClaimedBatch) -> Vec<String> {
    batch.tasks.iter().map(|task| String::from_utf8(task.entry().to_vec()).unwrap()).collect()
}

async fn ready(backend: &RedisBackend, lease: &Lease) -> Vec<String> {
    entries(&backend.claim(lease, claim(u64::from(u32::MAX), 512)).await.unwrap())
}

fn letter(entry: &str) -> DeadLetter {
    DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["it broke".to_owned()], entry.as_bytes().to_vec())
}

fn lock() -> UniqueLock {
    UniqueLock { digest: "d".to_owned(), ttl: TTL }
}

/// Waits for `condition`, which something else brings about at once.
async fn until(mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the condition does not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn source_of(error: &BackendError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}
