//! The behaviour suite over both backends: in memory with a paused clock, on Redis in real time and as a user who has no
//! other rights than those that the book's chapter on security gives.

use std::sync::OnceLock;

use redis_ext::{RedisBackend, backend::conformance::Subject};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::{Raw, RedisServer};

/// The address of the server for that user.
fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let rules = include_str!("../../book/src/security/redis-ext.acl");
        let rights: Vec<_> = rules.lines().filter(|line| !line.starts_with('#')).collect();
        let server = RedisServer::shared();
        let command = format!("ACL SETUSER app reset on >secret ~* &* {}", rights.join(" "));
        assert_eq!(Raw::to(server).send(&command), "+OK");
        format!("redis://app:secret@127.0.0.1:{}/", server.port())
    })
}

redis_ext::conformance_tests! {
    #[tokio::test(start_paused = true)]
    memory: Subject::new(MemoryBackend::new())
}

redis_ext::conformance_tests! {
    #[tokio::test]
    redis: Subject::new(RedisBackend::connect(url()).await.expect("the server is up"))
}
