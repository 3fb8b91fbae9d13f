//! Pushes the whole workload of `jobs` to the Redis server at the URL given.

use redis_ext::{Error, RedisBackend};
use redis_ext_tests::Job;

fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| panic!("usage: producer <redis url>"));
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&url).await?;
        Job::push_all(&backend).await
    })
}
