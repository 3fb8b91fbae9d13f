//! A member of a set that cannot be looked up.

use std::sync::Arc;

use redis_ext::{FastSet, prelude::*};

#[derive(PartialEq, redis_ext::serde::Serialize, redis_ext::serde::Deserialize)]
#[serde(crate = "redis_ext::serde")]
struct Flag(String);

async fn flags(backend: Arc<dyn Backend>) -> Result<(), redis_ext::Error> {
    FastSet::<Flag>::builder(backend, "flags").open().await?;
    Ok(())
}

fn main() {}
