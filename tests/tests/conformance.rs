//! The behaviour suite over both backends: in memory with a paused clock, on Redis in real time.

use redis_ext::{RedisBackend, backend::conformance::Subject};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::RedisServer;

redis_ext::conformance_tests! {
    #[tokio::test(start_paused = true)]
    memory: Subject::new(MemoryBackend::new())
}

redis_ext::conformance_tests! {
    #[tokio::test]
    redis: Subject::new(RedisBackend::connect(&RedisServer::shared().url()).await.expect("the server is up"))
}
