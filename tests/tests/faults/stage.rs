//! Where the transitions are tried: a server, a proxy before it, and a second way in to look at what is there.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use redis::{Connection, FromRedisValue, ToRedisArgs};
use redis_ext::{
    BackendError, BackendErrorKind, QueueName, RedisBackend,
    backend::{BatchId, Claim, Lease, NewTask, Recovery, TaskBackend as _, WorkerId},
    task::Envelope,
};
use redis_ext_tests::{Fault, Proxy, RedisServer, eventually};

pub(crate) static QUEUE: QueueName = QueueName::from_static("q");
pub(crate) const TTL: Duration = Duration::from_secs(60);

/// Short, as each silent fault costs one or two; a server that takes longer to answer only makes a fault more.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);

/// What only reads.
const READS: [&str; 10] = [
    "LRANGE",
    "SMEMBERS",
    "dead_letters",
    "inspect",
    "ZMSCORE",
    "debounce_due_times",
    "debounce_expired",
    "debounce_peek",
    "debounce_quarantined",
    "debounce_inspect",
];

pub(crate) struct Stage {
    pub(crate) backend: RedisBackend,
    pub(crate) proxy: Proxy,
    fault: Option<Fault>,
    /// Which of the call's commands it happens to.
    at: Cell<usize>,
    transition: Cell<&'static str>,
    commands: Cell<&'static [&'static str]>,
    direct: RefCell<Connection>,
    _server: RedisServer,
}

impl Stage {
    /// A stage where nothing goes wrong yet.
    pub(crate) async fn calm() -> Self {
        let server = RedisServer::start();
        let proxy = Proxy::to(&server);
        let backend = RedisBackend::builder(&proxy.url()).response_timeout(RESPONSE_TIMEOUT).connect().await.unwrap();
        let direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        Self {
            backend,
            proxy,
            fault: None,
            at: Cell::new(0),
            transition: Cell::new(""),
            commands: Cell::new(&[]),
            direct: RefCell::new(direct),
            _server: server,
        }
    }

    /// From now on `fault` happens.
    pub(crate) fn meet(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Whether the fault can happen to this command at all: only scripts can be unknown.
    pub(crate) fn can_meet(&self, command: &str) -> bool {
        !matches!(self.fault, Some(Fault::Refuse(error)) if error.starts_with("NOSCRIPT") && !is_script(command))
    }

    /// Clears the stage for `transition`, whose command number `at` is to meet the fault.
    pub(crate) fn set(&self, transition: &'static str, commands: &'static [&'static str], at: usize) {
        self.ask::<()>("FLUSHDB", &[""; 0]);
        self.transition.set(transition);
        self.commands.set(commands);
        self.at.set(at);
    }

    /// Makes the call with the fault in it, compares the error with what is promised, and repeats the call until it
    /// succeeds, as the engine does. A request that is late has been applied when this returns.
    pub(crate) async fn drive<T>(&self, call: impl AsyncFn() -> Result<T, BackendError>) -> T {
        let _before = self.proxy.seen();
        let Some(fault) = self.fault else {
            let answer = call().await.unwrap();
            let seen: Vec<_> = self.proxy.seen().into_iter().filter(|name| name != "EVALSHA").collect();
            let listed: Vec<_> = self.commands.get().iter().map(|name| name.trim_start_matches('~')).collect();
            assert_eq!(seen, listed, "the commands of {}", self.transition.get());
            return answer;
        };
        self.proxy.strike(self.at.get(), fault);
        let first = call().await;
        let what = format!("{} with {fault:?} at {} {:?}", self.transition.get(), self.at.get(), self.commands.get());
        assert_eq!(self.proxy.calm(), 1, "nothing went wrong: {what}");
        let error = first.as_ref().err().map(|error| (error.kind(), error.is_maybe_applied()));
        assert_eq!(error, self.promised(fault), "{what}: {:?}", first.err());
        let answer = match first {
            Ok(answer) => answer,
            Err(_) => self.repeat(call).await,
        };
        self.no_request_is_late().await;
        answer
    }

    /// Makes a call until it succeeds, as the engine does.
    pub(crate) async fn repeat<T>(&self, call: impl AsyncFn() -> Result<T, BackendError>) -> T {
        for _ in 0..50 {
            match call().await {
                Ok(answer) => return answer,
                // The connection that was hit is noticed late, perhaps.
                Err(error) => assert!(error.is_retryable(), "{}, then {error:?}", self.transition.get()),
            }
            // The engine waits too, for 25 ms at least.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("fifty calls have failed after {}", self.transition.get());
    }

    /// What is being tried, for messages.
    pub(crate) fn scene(&self) -> String {
        format!("{} with {:?} at {}", self.transition.get(), self.fault, self.at.get())
    }

    pub(crate) async fn no_request_is_late(&self) {
        eventually("what was late is applied", || async { self.proxy.late() == 0 }).await;
    }

    /// The error that the call must end with; none if it deals with the fault by itself.
    fn promised(&self, fault: Fault) -> Option<(BackendErrorKind, bool)> {
        let (at, commands) = (self.at.get(), self.commands.get());
        // A wait hides what happens to its own connection and asks again.
        if commands[at].starts_with('~') {
            return None;
        }
        // An earlier step of the same call, or another one in the same request, was applied.
        let others_write = self.is_one_request() || commands[..at].iter().any(|name| !READS.contains(name));
        let others_write = others_write && commands.len() > 1;
        match fault {
            Fault::LoseRequest | Fault::LoseReply => Some((BackendErrorKind::Timeout, true)),
            Fault::CutBefore | Fault::CutAfter | Fault::Late(_) => Some((BackendErrorKind::Unavailable, true)),
            Fault::Delay(_) => None,
            Fault::Refuse(error) if error.starts_with("NOSCRIPT") => None,
            Fault::Refuse(error) => {
                let kind = match error.split(' ').next().unwrap() {
                    "OOM" | "BUSY" => BackendErrorKind::Overloaded,
                    "MOVED" => BackendErrorKind::Config,
                    _ => BackendErrorKind::Unavailable,
                };
                Some((kind, others_write))
            }
        }
    }

    /// Whether the call's scripts travel together.
    fn is_one_request(&self) -> bool {
        self.commands.get().iter().all(|&name| name == "settle")
    }

    /// Whether a call that is repeated has been applied before.
    pub(crate) fn applies_twice(&self) -> bool {
        matches!(self.fault, Some(Fault::LoseReply | Fault::CutAfter | Fault::Late(_)))
    }

    /// Whether the call's first command is refused and those behind it are not.
    pub(crate) fn refuses_the_first(&self) -> bool {
        matches!(self.fault, Some(Fault::Refuse(_))) && self.at.get() == 0
    }

    pub(crate) async fn joined(&self) -> Lease {
        let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
        self.backend.join(&lease, TTL).await.unwrap();
        lease
    }

    /// As if the lease's time were over.
    pub(crate) fn expire(&self, lease: &Lease) {
        self.ask::<()>("ZADD", &["{q}:workers", "1", &lease.worker.to_string()]);
    }

    /// Enqueues tasks, all of whose payloads are numbers.
    pub(crate) async fn enqueued(&self, entries: &[&str]) {
        let tasks: Vec<_> = entries.iter().map(|entry| NewTask::new(*entry)).collect();
        let _ids = self.backend.enqueue(&QUEUE, &tasks).await.unwrap();
    }

    /// Sends a command past the proxy.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str, arguments: &[impl ToRedisArgs]) -> T {
        redis::cmd(command).arg(arguments).query(&mut *self.direct.borrow_mut()).unwrap()
    }

    /// What the server holds, found without the backend: each place that is not empty with the payloads in it. A `*`
    /// follows a payload for each crash that its envelope counts.
    pub(crate) fn found(&self) -> String {
        let mut places = Vec::new();
        let mut place = |name: &str, mut entries: Vec<String>| {
            if !entries.is_empty() {
                entries.insert(0, name.to_owned());
                places.push(entries.join(" "));
            }
        };
        let workers: Vec<String> = self.ask("ZRANGE", &["{q}:workers", "0", "-1"]);
        place("ready", self.list("q"));
        let scheduled: Vec<Vec<u8>> = self.ask("ZRANGE", &["{q}:scheduled", "0", "-1"]);
        place("scheduled", scheduled.iter().map(|member| label(&member[37..])).collect());
        for worker in &workers {
            let mut claimed = Vec::new();
            let mut batches: Vec<(u64, String)> = self.ask("HGETALL", &[format!("{{q}}:claimed:{worker}")]);
            batches.sort_unstable();
            for (batch, counted) in batches {
                let list = format!("{{q}}:claimed:{worker}:{batch}");
                let marks: Vec<usize> = self.ask("SMEMBERS", &[format!("{list}:done")]);
                let entries = self.list(&list);
                let unsettled = entries.into_iter().enumerate().filter(|(index, _)| !marks.contains(index));
                let before = claimed.len();
                claimed.extend(unsettled.map(|(_, entry)| entry));
                // `<unsettled>`, or `<unsettled>/<all>`.
                let counted = counted.split('/').next().unwrap().parse().ok();
                assert_eq!(counted, Some(claimed.len() - before), "the registry counts what is there");
            }
            place("claimed", claimed);
            place("landed", self.list(&format!("{{q}}:landing:{worker}")));
        }
        let dead: Vec<(String, Vec<u8>)> = self.ask("HGETALL", &["{q}:dead"]);
        let mut dead: Vec<_> = dead.iter().map(|(_, record)| label(entry_of(record))).collect();
        dead.sort();
        assert_eq!(self.ask::<usize>("ZCARD", &["{q}:dead:index"]), dead.len(), "each dead letter is indexed");
        place("dead", dead);
        let (mut locks, mut paused) = (Vec::new(), Vec::new());
        for key in self.ask::<Vec<String>>("KEYS", &["*"]) {
            locks.extend(key.strip_prefix("{q}:unique:").map(str::to_owned));
            paused.extend((key == "{q}:paused").then(String::new));
            for kept in ["{q}:claimed:", "{q}:landing:"] {
                let owner = key.strip_prefix(kept).map(|rest| rest.split(':').next().unwrap().to_owned());
                assert!(owner.is_none_or(|owner| workers.contains(&owner)), "nobody can ever reach {key}");
            }
        }
        locks.sort();
        place("locks", locks);
        let cancelled: usize = self.ask("ZCARD", &["{q}:cancelled"]);
        place("cancelled", if cancelled == 0 { Vec::new() } else { vec![cancelled.to_string()] });
        place("paused", paused);
        place("workers", if workers.is_empty() { Vec::new() } else { vec![workers.len().to_string()] });
        places.join(" | ").replace("paused ", "paused")
    }

    /// Compares what the server holds, and then lets all workers die: whatever they held must come back.
    pub(crate) async fn holds(&self, expected: &str) {
        assert_eq!(self.found(), expected, "{} with {:?} at {}", self.transition.get(), self.fault, self.at.get());
        let held = self.tasks();
        for worker in self.ask::<Vec<String>>("ZRANGE", &["{q}:workers", "0", "-1"]) {
            self.ask::<()>("ZADD", &["{q}:workers", "1", worker.as_str()]);
        }
        while self.backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await.unwrap().more {}
        let after = self.found();
        for gone in ["claimed", "landed", "workers"] {
            assert!(!after.contains(gone), "after recovery: {after}");
        }
        assert_eq!(self.tasks(), held, "{} with {:?}: {expected} became {after}", self.transition.get(), self.fault);
    }

    /// The payloads of all tasks, wherever they are, in order.
    fn tasks(&self) -> Vec<String> {
        let found = self.found();
        let places = found
            .split(" | ")
            .filter(|place| !["locks", "cancelled", "paused", "workers"].iter().any(|no| place.starts_with(no)));
        let mut tasks: Vec<_> = places
            .flat_map(|place| place.split(' ').skip(1))
            .map(|task| task.trim_end_matches('*').to_owned())
            .collect();
        tasks.sort();
        tasks
    }

    fn list(&self, key: &str) -> Vec<String> {
        self.ask::<Vec<Vec<u8>>>("LRANGE", &[key, "0", "-1"]).iter().map(|entry| label(entry)).collect()
    }
}

pub(crate) fn claim(batch: u64, max: usize) -> Claim {
    Claim { batch: BatchId(batch), max: max.try_into().unwrap() }
}

/// Scripts are listed by their files' names, commands in capitals.
fn is_script(command: &str) -> bool {
    command.trim_start_matches('~').starts_with(char::is_lowercase)
}

fn entry_of(record: &[u8]) -> &[u8] {
    let line = record.iter().position(|&byte| byte == b'\n').unwrap();
    &record[line + 1..]
}

fn label(entry: &[u8]) -> String {
    let envelope = Envelope::parse(entry).unwrap();
    let payload = std::str::from_utf8(envelope.payload()).unwrap();
    format!("{payload}{}", "*".repeat(envelope.crashes as usize))
}
