//! A class of IDs shared with Python's UniqueId: each side finds what the other has made, and both count on from it.

use std::collections::BTreeMap;

use redis_ext::{IdClass, RedisBackend, UniqueId, unique_id::UniqueIdBuilder};
use redis_ext_tests::{Python, PythonProcess, RedisServer};

const CLASS: IdClass = IdClass::from_static("shared");

/// What the Python package takes by itself.
const AN_HOUR: &str = "3600";

fn python(server: &RedisServer, seconds: &str) -> PythonProcess {
    Python::script("get_or_create").arg(server.url()).arg(CLASS.as_str()).arg(seconds).start()
}

/// The ID that the Python side gives a key.
fn ask(python: &mut PythonProcess, key: &str) -> u64 {
    python.say(&serde_json::to_string(key).unwrap());
    python.line().parse().unwrap()
}

async fn rust(server: &RedisServer) -> UniqueIdBuilder<redis_ext::unique_id::Untyped> {
    UniqueId::builder(RedisBackend::connect(&server.url()).await.unwrap(), CLASS)
}

/// Keys that are easily mangled on the way to the server.
const KEYS: [&str; 8] = ["ada", "b:id:c", "auto", "Zoë 🚀", " ", "\"quoted\"\n", "\u{7f}\0", "{tag}"];

#[test]
fn both_sides_find_each_others_ids_and_count_on_from_them() {
    let server = RedisServer::start();
    let mut python = python(&server, AN_HOUR);
    actix::System::new().block_on(async {
        let ids = rust(&server).await.start().unwrap();
        let single = rust(&server).await.single_key_commands().start().unwrap();
        for (number, key) in KEYS.iter().enumerate() {
            let expected = number as u64 + 1;
            let found = match number % 3 {
                0 => ask(&mut python, key),
                1 => ids.get_or_create(key).await.unwrap().get(),
                _ => single.get_or_create(key).await.unwrap().get(),
            };
            assert_eq!(found, expected, "{key:?} is new");
            assert_eq!(ask(&mut python, key), expected, "Python, {key:?}");
            assert_eq!(ids.get_or_create(key).await.unwrap(), expected, "one step, {key:?}");
            assert_eq!(single.get_or_create(key).await.unwrap(), expected, "single keys, {key:?}");
            assert_eq!(ids.lookup(key).await.unwrap().unwrap(), expected, "{key:?}");
        }
        // What is forgotten here is new there.
        assert!(ids.forget("ada").await.unwrap());
        assert_eq!(ask(&mut python, "ada"), 9);
        assert_eq!(ids.next_id().await.unwrap(), 10);
        assert!(ask(&mut python, "after what was reserved") > 10);
    });
    assert_eq!(python.finish(), "");
}

#[test]
fn mappings_of_both_sides_live_as_long_and_then_the_key_is_new_to_both() {
    let server = RedisServer::start();
    let mut python = python(&server, "3");
    let mut direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut ttl = |key: &str| redis::cmd("PTTL").arg(format!("shared:id:{key}")).query::<i64>(&mut direct).unwrap();
    actix::System::new().block_on(async {
        let hour = rust(&server).await.start().unwrap();
        let sliding = redis_ext::IdTtl::sliding(std::time::Duration::from_secs(60)).unwrap();
        let minute = rust(&server).await.ttl(sliding).start().unwrap();
        assert_eq!((ask(&mut python, "short"), hour.get_or_create("long").await.unwrap().get()), (1, 2));
        // Whoever asks later leaves a fixed life alone.
        assert_eq!((hour.get_or_create("short").await.unwrap().get(), ask(&mut python, "long")), (1, 2));
        assert!(ttl("short") <= 3_000 && ttl("long") > 3_590_000);
        assert_eq!(minute.get_or_create("long").await.unwrap(), 2);
        assert!((59_000..=60_000).contains(&ttl("long")));

        tokio::time::sleep(std::time::Duration::from_millis(3_300)).await;
        assert_eq!(hour.lookup("short").await.unwrap(), None);
        assert_eq!((hour.get_or_create("short").await.unwrap().get(), ask(&mut python, "short")), (3, 3));
    });
    assert_eq!(python.finish(), "");
}

#[test]
fn callers_of_both_sides_who_race_for_keys_agree() {
    const RACED: usize = 2_000;
    let server = RedisServer::start();
    let keys: Vec<_> = (0..RACED).map(|number| number.to_string()).collect();
    let lines: String = keys.iter().map(|key| format!("\"{key}\"\n")).collect();
    let racing: Vec<_> = (0..2)
        .map(|_| {
            Python::script("get_or_create").arg(server.url()).arg(CLASS.as_str()).arg(AN_HOUR).stdin(&lines).start()
        })
        .collect();
    actix::System::new().block_on(async {
        let ids = rust(&server).await.start().unwrap();
        let mut agreed = BTreeMap::new();
        for key in &keys {
            agreed.insert(ids.get_or_create(key).await.unwrap().get(), key);
        }
        assert_eq!(agreed.len(), RACED, "no two keys have one ID");
        let ours: Vec<_> = ids.lookup_many(&keys).await.unwrap().into_iter().map(|id| id.unwrap().get()).collect();
        for python in racing {
            let theirs: Vec<u64> = python.finish().lines().map(|id| id.parse().unwrap()).collect();
            assert_eq!(theirs, ours);
        }
    });
}
