//! What the examples share: the choice of where their tasks live.

use std::{env, sync::Arc};

use redis_ext::{Backend, Error, RedisBackend};
use redis_ext_memory::MemoryBackend;

/// Redis if the environment variable `REDIS_URL` is set, and otherwise the memory of this process.
///
/// # Errors
/// [`Error::Backend`] when the Redis of that address cannot be used.
pub async fn backend() -> Result<Arc<dyn Backend>, Error> {
    match env::var("REDIS_URL") {
        Ok(url) => {
            println!("Tasks are kept on the Redis of REDIS_URL.");
            Ok(Arc::new(RedisBackend::connect(&url).await?))
        }
        Err(_) => {
            println!("Tasks are kept in memory; set REDIS_URL, such as redis://127.0.0.1/, to keep them on Redis.");
            Ok(Arc::new(MemoryBackend::new()))
        }
    }
}
