//! The rule set of the book's chapter on security: a user with exactly these rights runs each component, and each of
//! the rights is needed.
//!
//! A component runs once with all of its rights and once without each of them, each time as a user of its own, so that
//! the server's `ACL LOG` tells what was denied to whom.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod workouts;

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};
use redis_ext::{
    BackendError, BackendErrorKind, FastSet, IdClass, RedisBackend, UniqueId, backend::TaskBackend as _,
    fast_set::Mode, prelude::*,
};
use redis_ext_tests::RedisServer;

use self::workouts::Workout;

const RULES: &str = include_str!("../../../book/src/security/redis-ext.acl");

/// What the library does without where it must; the chapter says what that costs.
const DISPENSABLE: [&str; 7] =
    ["blmove", "client|id", "client|tracking", "client|unblock", "info", "publish", "subscribe"];

/// How many users run at once.
const AT_ONCE: usize = 16;

/// The rights under the heading that begins with `heading`.
fn section(heading: &str) -> Vec<&'static str> {
    let lines = RULES.lines().skip_while(|line| !line.starts_with(&format!("# {heading}"))).skip(1);
    let rights: Vec<_> = lines.take_while(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    assert!(!rights.is_empty(), "{heading} has rights");
    rights.into_iter().map(|right| right.strip_prefix('+').unwrap()).collect()
}

struct Server {
    server: RedisServer,
    admin: redis::aio::MultiplexedConnection,
}

impl Server {
    async fn start() -> Self {
        let server = RedisServer::builder().arg("acllog-max-len", "100000").start();
        let admin = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        Self { server, admin }
    }

    /// Connects as a new user with these rights, who may touch only what `patterns` name.
    async fn user(
        &self,
        name: &str,
        rights: &BTreeSet<&str>,
        patterns: &[String],
    ) -> Result<RedisBackend, BackendError> {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(name).arg(&["reset", "resetchannels", "on", ">p"]).arg(patterns);
        for right in rights {
            command.arg(format!("+{right}"));
        }
        let () = command.query_async(&mut self.admin.clone()).await.unwrap();
        RedisBackend::connect(&format!("redis://{name}:p@127.0.0.1:{}/", self.server.port())).await
    }

    /// What was denied to each user.
    async fn denied(&self) -> HashMap<String, BTreeSet<String>> {
        let log: Vec<HashMap<String, redis::Value>> =
            redis::cmd("ACL").arg(&["LOG", "100000"]).query_async(&mut self.admin.clone()).await.unwrap();
        let text = |entry: &HashMap<String, redis::Value>, field: &str| -> String {
            redis::from_redis_value(entry[field].clone()).unwrap()
        };
        let mut denied = HashMap::<_, BTreeSet<_>>::new();
        for entry in &log {
            // The client library introduces itself where the server lets it, and nobody misses it.
            if !["client|setinfo", "client"].contains(&text(entry, "object").as_str()) {
                denied.entry(text(entry, "username")).or_default().insert(text(entry, "object"));
            }
        }
        denied
    }
}

/// Runs a component with all rights of its sections, and once without each of those that are `lacking`.
async fn each_right_is_needed(workout: impl Workout, lacking: &[&'static str]) {
    let rights: BTreeSet<_> = ["every connection", workout.heading()].into_iter().flat_map(section).collect();
    let server = Server::start().await;
    let lacking = [None].into_iter().chain(lacking.iter().copied().map(Some)).rev();
    let runs = stream::iter(lacking.enumerate()).map(|(number, lacking)| {
        let (server, workout, mut rights) = (&server, &workout, rights.clone());
        async move {
            lacking.map(|lacking| rights.remove(lacking));
            let (user, place) = (format!("u{number}"), format!("p{number}"));
            let errors = match server.user(&user, &rights, &workout.patterns(&place)).await {
                Ok(backend) => workout.run(&backend, &place).await,
                Err(error) => vec![error],
            };
            (lacking, user, errors)
        }
    });
    let runs: Vec<_> = runs.buffered(AT_ONCE).collect().await;

    let denied = server.denied().await;
    let mut faults = Vec::new();
    for (lacking, user, errors) in runs {
        let denied = denied.get(&user).cloned().unwrap_or_default();
        let denies = |right: &str| match denied.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            // Redis 6.2 does not tell subcommands apart.
            [] => right.starts_with("client|") && RedisServer::version().contains("v=6."),
            [object] => object == right || right.split_once('|').is_some_and(|(command, _)| object == command),
            _ => false,
        };
        let as_told = match lacking {
            None => denied.is_empty() && errors.is_empty(),
            Some(right) if DISPENSABLE.contains(&right) => denies(right) && errors.is_empty(),
            // What follows the first error follows from it.
            Some(right) => {
                denies(right) && errors.first().is_some_and(|error| error.kind() == BackendErrorKind::Config)
            }
        };
        if !as_told {
            faults.push(format!("without {lacking:?}: denied {denied:?}, errors {errors:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_connection_needs_each_of_its_rights() {
    // `PING` is for a server that has fallen silent, and for sets.
    for right in section("every connection").into_iter().filter(|&right| right != "ping") {
        // On a server of its own, which knows no script yet.
        each_right_is_needed(workouts::Ids, &[right]).await;
    }
}

#[tokio::test]
async fn tasks_need_each_of_their_rights_and_no_other() {
    each_right_is_needed(workouts::Tasks, &section("tasks")).await;
}

#[tokio::test]
async fn debouncing_needs_each_of_its_rights_and_no_other() {
    each_right_is_needed(workouts::Debouncing, &section("debouncing")).await;
}

#[tokio::test]
async fn sets_need_each_of_their_rights_and_no_other() {
    each_right_is_needed(workouts::Sets, &[section("FastSet"), vec!["ping"]].concat()).await;
}

#[tokio::test]
async fn unique_ids_need_each_of_their_rights_and_no_other() {
    each_right_is_needed(workouts::Ids, &section("UniqueId")).await;
}

#[derive(RedisTask)]
#[redis_task(debounce = "10ms")]
struct Rebuild {
    index: u32,
}

#[test]
fn a_user_with_these_rights_runs_each_component_and_is_denied_nothing() {
    actix::System::new().block_on(async {
        let server = Server::start().await;
        let rights = RULES.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        let rights = rights.map(|right| right.strip_prefix('+').unwrap()).collect();
        let backend = server.user("app", &rights, &["~*".to_owned(), "&*".to_owned()]).await.unwrap();

        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(1), |task: Task<Rebuild>| async move {
                if task.index == 0 { Err(TaskError::fatal("no such index")) } else { Ok(()) }
            })
            .start()
            .unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).task::<Rebuild>().start().unwrap();
        let _ = Rebuild { index: 0 }.enqueue(&backend).await.unwrap();
        let _ = Rebuild { index: 1 }.debounce(&backend).await.unwrap();
        scheduler.run_until_idle().await.unwrap();
        workers.run_until_idle().await.unwrap();
        assert_eq!(backend.inspect(&Rebuild::QUEUE).await.unwrap().dead, 1);

        let flags = FastSet::<String>::builder(backend.clone(), "flags").open().await.unwrap();
        flags.insert("dark_mode".to_owned()).await.unwrap();
        assert_eq!(flags.freshness().mode, Mode::Pushed);
        let users = UniqueId::builder(backend.clone(), IdClass::from_static("user")).reverse().start().unwrap();
        let ada = users.get_or_create("ada").await.unwrap();
        assert_eq!(users.key_of(ada).await.unwrap().as_deref(), Some("ada"));
        assert_eq!(server.denied().await, HashMap::new());
    });
}

#[tokio::test]
async fn a_producer_of_plain_tasks_needs_one_right() {
    let server = Server::start().await;
    let queue = Rebuild::QUEUE.to_string();
    let backend = server.user("producer", &BTreeSet::from(["rpush"]), &[format!("~{queue}")]).await.unwrap();
    let _ = Rebuild { index: 1 }.enqueue(&backend).await.unwrap();
    assert_eq!(Rebuild::enqueue_many(&backend, [Rebuild { index: 2 }, Rebuild { index: 3 }]).await.unwrap().len(), 2);
}
