//! The derive goes beside the user's own, and a task with these may hold itself.

use redis_ext::RedisTask;
use serde::{Deserialize, Serialize};

#[path = "../support/mod.rs"]
mod support;

#[derive(Serialize, Deserialize, RedisTask)]
#[serde(crate = "serde", rename_all = "UPPERCASE")]
struct Tree<T> {
    value: T,
    children: Vec<Self>,
}

fn main() {
    let leaf = Tree { value: 2, children: Vec::new() };
    let json = r#"{"VALUE":1,"CHILDREN":[{"VALUE":2,"CHILDREN":[]}]}"#;
    let tree = Tree { value: 1, children: vec![leaf] };
    support::assert_wire(&tree, json);
    assert_eq!(serde_json::to_string(&tree).unwrap(), json);
}
