//! The cached set on a real server: who else may change it, what can go wrong, and what a view shows then.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod history;
mod others;
mod trouble;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use redis_ext::{FastSet, RedisBackend, fast_set::FastSetError};
use redis_ext_tests::{RedisServer, eventually};

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
            Some(bytes) if bytes >= 0 => self.line(),
            _ => line,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

async fn connect(url: &str) -> RedisBackend {
    RedisBackend::builder(url).response_timeout(Duration::from_secs(1)).connect().await.unwrap()
}

async fn open(backend: &RedisBackend, name: &str) -> FastSet<u32> {
    FastSet::builder(backend.clone(), name).heartbeat(Duration::from_millis(200)).open().await.unwrap()
}

/// Waits until the view shows these members, without a write and without a look that anyone asks for.
async fn shows(set: &FastSet<u32>, members: &[u32]) {
    let members: BTreeSet<_> = members.iter().copied().collect();
    eventually(&format!("{} shows {members:?}, and not {set:?}", set.name()), || async {
        set.snapshot().is_ok_and(|snapshot| snapshot.iter().copied().collect::<BTreeSet<_>>() == members)
    })
    .await;
}
