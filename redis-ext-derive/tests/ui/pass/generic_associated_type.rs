//! A field may be of a parameter's associated type.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

trait Entity: Send + 'static {
    type Id: Send;
}

struct User;

impl Entity for User {
    type Id = u32;
}

#[derive(RedisTask)]
struct Reindex<E: Entity> {
    id: E::Id,
}

fn main() {
    support::assert_wire(&Reindex::<User> { id: 7 }, r#"{"id":7}"#);
}
