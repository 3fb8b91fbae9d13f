//! One set, shared by the package's FastSet and ours, both ways.

use std::collections::BTreeSet;

use redis_ext::{FastSet, RedisBackend};
use redis_ext_tests::{Python, PythonProcess, RedisServer, eventually};
use serde_json::{Value, json};

/// A FastSet in Python.
struct Theirs(PythonProcess);

impl Theirs {
    fn open(server: &RedisServer, key: &str) -> Self {
        Self(Python::script("fast_set").arg(server.url()).arg(key).start())
    }

    /// Calls a method; the answer is the version and the members afterwards, and the result.
    fn call(&mut self, line: &str) -> (u64, BTreeSet<String>, Value) {
        self.0.say(line);
        let [version, members, result]: [Value; 3] = serde_json::from_str(&self.0.line()).unwrap();
        let members = members.as_array().unwrap().iter().map(ToString::to_string).collect();
        (version.as_u64().unwrap(), members, result)
    }

    fn members(&mut self) -> BTreeSet<String> {
        self.call("show").1
    }
}

async fn open(server: &RedisServer, key: &str) -> FastSet<String> {
    let backend = RedisBackend::connect(&server.url()).await.unwrap();
    FastSet::builder(backend, key).open().await.unwrap()
}

fn spelled(members: &[&str]) -> BTreeSet<String> {
    members.iter().map(|member| json!(member).to_string()).collect()
}

/// Waits until ours shows these members at this version, without asking it to look.
async fn ours_shows(ours: &FastSet<String>, version: u64, members: &[&str]) {
    eventually(&format!("ours shows {members:?} at {version}"), || async {
        let snapshot = ours.snapshot().unwrap();
        snapshot.version() == version && snapshot.is_equal(members.iter().map(ToString::to_string))
    })
    .await;
}

#[actix::test]
async fn each_sees_what_the_other_writes() {
    let server = RedisServer::start();
    let (ours, mut theirs) = (open(&server, "shared").await, Theirs::open(&server, "shared"));

    assert!(ours.insert("one".into()).await.unwrap());
    assert_eq!(theirs.members(), spelled(&["one"]));
    assert_eq!(theirs.call("add \"two\"").0, 2);
    ours_shows(&ours, 2, &["one", "two"]).await;
    assert_eq!(theirs.call("discard \"one\"").0, 3);
    ours_shows(&ours, 3, &["two"]).await;
    let odd = ["три", "🚀 \u{7f} \"\\\n", ""];
    assert_eq!(ours.extend(odd.map(str::to_owned)).await.unwrap(), 3);
    assert_eq!(theirs.members().len(), 4);
    for member in odd {
        assert_eq!(theirs.call(&format!("discard {}", json!(member))).2, Value::Null);
        assert!(!theirs.members().contains(&json!(member).to_string()));
    }
    ours_shows(&ours, 7, &["two"]).await;
    assert_eq!(theirs.call("update [\"two\", \"three\", \"four\", \"é\"]").0, 8);
    ours_shows(&ours, 8, &["two", "three", "four", "é"]).await;
    assert!(ours.remove("é").await.unwrap() && !ours.remove("é").await.unwrap());
    assert_eq!(theirs.members(), spelled(&["two", "three", "four"]));
    let popped = theirs.call("pop").2;
    let left: Vec<_> = ["two", "three", "four"].into_iter().filter(|member| popped != **member).collect();
    ours_shows(&ours, 10, &left).await;
    let popped = ours.pop().await.unwrap().unwrap();
    assert_eq!(theirs.members().len(), 1);
    assert!(!theirs.members().contains(&json!(*popped).to_string()));
    assert_eq!(theirs.call("clear").0, 12);
    ours_shows(&ours, 12, &[]).await;
    assert_eq!(ours.replace(["a".to_owned(), "b".to_owned()]).await.unwrap(), 13);
    assert_eq!(theirs.call("show"), (13, spelled(&["a", "b"]), Value::Null));
    ours.clear().await.unwrap();
    assert_eq!(theirs.members(), spelled(&[]));
}

#[actix::test]
async fn a_set_of_thousands_passes_from_one_to_the_other() {
    let server = RedisServer::start();
    let (ours, mut theirs) = (open(&server, "many").await, Theirs::open(&server, "many"));
    assert_eq!(ours.extend((0..3000).map(|number| format!("m{number}"))).await.unwrap(), 3000);
    let (version, members, _) = theirs.call("show");
    assert_eq!((version, members.len()), (1, 3000));
    let more: Vec<_> = (2500..6000).map(|number| format!("m{number}")).collect();
    assert_eq!(theirs.call(&format!("update {}", json!(more))).1.len(), 6000);
    eventually("all are seen", || async { ours.len().unwrap() == 6000 && ours.freshness().version == 2 }).await;
    let fresh = open(&server, "many").await;
    assert!(fresh.is_equal(&ours.snapshot().unwrap()).unwrap());
}

#[actix::test]
async fn what_python_spells_in_another_way_is_the_same_value_and_is_removed_with_it() {
    let server = RedisServer::start();
    let backend = RedisBackend::connect(&server.url()).await.unwrap();
    let ours = FastSet::<ordered::Number>::builder(backend, "numbers").open().await.unwrap();
    let mut theirs = Theirs::open(&server, "numbers");
    theirs.call("add 1");
    theirs.call("update [2.5, 3]");
    eventually("all are seen", || async { ours.len().unwrap() == 3 }).await;
    // Ours spells it 1.0, theirs 1.
    assert!(ours.insert(ordered::Number(1.0)).await.unwrap());
    assert_eq!(ours.len().unwrap(), 3);
    assert!(ours.remove(&ordered::Number(1.0)).await.unwrap());
    assert_eq!(theirs.members(), BTreeSet::from(["2.5".to_owned(), "3".to_owned()]));
    assert!(ours.remove(&ordered::Number(3.0)).await.unwrap());
    assert_eq!(theirs.members(), BTreeSet::from(["2.5".to_owned()]));
}

/// Floats that can be members.
mod ordered {
    #[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
    #[serde(transparent)]
    pub(super) struct Number(pub(super) f64);

    impl PartialEq for Number {
        fn eq(&self, other: &Self) -> bool {
            self.0.total_cmp(&other.0).is_eq()
        }
    }

    impl Eq for Number {}

    impl std::hash::Hash for Number {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.to_bits().hash(state);
        }
    }
}
