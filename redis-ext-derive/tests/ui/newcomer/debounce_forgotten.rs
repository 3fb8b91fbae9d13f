//! A task that does not say how it is debounced.

use std::sync::Arc;

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Reindex {
    shard: u32,
}

async fn changed(backend: Arc<dyn Backend>) -> Result<(), redis_ext::Error> {
    Reindex { shard: 7 }.debounce(&backend).await?;
    DebounceScheduler::builder(backend).task::<Reindex>().start()?;
    Ok(())
}

fn main() {}
