//! Each operation × each fault × each of the commands that it consists of: IDs stay stable and dense, and each call can
//! be repeated.

use std::num::NonZeroU64;

use redis_ext::{
    BackendError,
    backend::{IdBackend as _, IdOffer, Reserved},
};
use redis_ext_tests::{Fault, Proxy, eventually};

use super::*;

/// Short, as each silent fault costs one or two; a server that takes longer to answer only makes a fault more.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(150);

const FAULTS: [Fault; 11] = [
    Fault::LoseRequest,
    Fault::LoseReply,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Late(Duration::from_millis(100)),
    Fault::Delay(Duration::from_millis(20)),
    Fault::Refuse("LOADING Redis is loading the dataset in memory"),
    Fault::Refuse("OOM command not allowed when used memory > 'maxmemory'."),
    Fault::Refuse("READONLY You can't write against a read only replica."),
    Fault::Refuse("NOSCRIPT No matching script. Please use EVAL."),
    Fault::Refuse("BUSY Redis is busy running a script."),
];

/// Whether this fault can happen to this command at all: only scripts can be unknown.
fn can_meet(command: &str, fault: Fault) -> bool {
    let is_script = command.chars().all(|letter| letter.is_lowercase() || letter == '_');
    is_script || !matches!(fault, Fault::Refuse(error) if error.starts_with("NOSCRIPT"))
}

/// A stage whose backend reaches its server through a proxy.
struct Faulty {
    stage: Stage,
    proxy: Proxy,
}

impl std::ops::Deref for Faulty {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Faulty {
    async fn new() -> Self {
        let server = RedisServer::start();
        let proxy = Proxy::to(&server);
        let backend = RedisBackend::builder(&proxy.url()).response_timeout(RESPONSE_TIMEOUT).connect().await.unwrap();
        Self { stage: Stage::with(server, backend), proxy }
    }

    fn counter(&self) -> u64 {
        self.ask::<Option<u64>>("GET", &["user:auto"]).unwrap_or(0)
    }

    /// For each fault at each of so many commands: clears the server, prepares, makes the call with the fault in it,
    /// repeats it until it succeeds, and has the outcome checked.
    async fn each_fault<T>(
        &self,
        commands: &[&str],
        prepare: impl AsyncFn(),
        call: impl AsyncFn() -> Result<T, BackendError>,
        check: impl Fn(T, Option<BackendError>, Fault),
    ) {
        for fault in FAULTS {
            for (at, command) in commands.iter().enumerate() {
                if !can_meet(command, fault) {
                    continue;
                }
                self.ask::<()>("FLUSHDB", &[""; 0]);
                prepare().await;
                let _before = self.proxy.seen();
                self.proxy.strike(at, fault);
                let first = call().await;
                assert_eq!(self.proxy.calm(), 1, "{fault:?} at {at} of {commands:?} never came");
                let (answer, error) = match first {
                    Ok(answer) => (answer, None),
                    Err(error) => (self.repeat(&call).await, Some(error)),
                };
                eventually("what was late is applied", || async { self.proxy.late() == 0 }).await;
                check(answer, error, fault);
            }
        }
    }

    async fn repeat<T>(&self, call: impl AsyncFn() -> Result<T, BackendError>) -> T {
        for _ in 0..50 {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("fifty calls have failed");
    }

    async fn assigned(&self, texts: &[&str]) -> Vec<u64> {
        self.repeat(async || self.backend.assign_ids(&CLASS, &keys(texts), REVERSIBLE, 0).await).await.ids
    }
}

#[tokio::test]
async fn assigning_uses_up_no_id_whatever_goes_wrong() {
    let stage = Faulty::new().await;
    for rules in [FOREVER, REVERSIBLE] {
        stage
            .each_fault(
                &["assign_ids"],
                async || drop(stage.assigned(&["a"]).await),
                async || stage.backend.assign_ids(&CLASS, &keys(&["b", "a", "c"]), rules, 0).await,
                |assigned, _, fault| {
                    assert_eq!((assigned.ids, stage.counter()), (vec![2, 1, 3], 3), "{fault:?}");
                },
            )
            .await;
    }
}

#[tokio::test]
async fn looking_changes_nothing_whatever_goes_wrong() {
    let stage = Faulty::new().await;
    stage
        .each_fault(
            &["GET", "GET"],
            async || drop(stage.assigned(&["a"]).await),
            async || stage.backend.find_ids(&CLASS, &keys(&["a", "b"])).await,
            |found, _, fault| assert_eq!((found, stage.counter()), (vec![Some(1), None], 1), "{fault:?}"),
        )
        .await;
    stage
        .each_fault(
            &["HMGET", "GET"],
            async || drop(stage.assigned(&["a"]).await),
            async || stage.backend.find_keys(&CLASS, &[1, 2]).await,
            |found, _, fault| assert_eq!(found, [Some(IdKey::new("a").unwrap()), None], "{fault:?}"),
        )
        .await;
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_whatever_goes_wrong() {
    let stage = Faulty::new().await;
    for (commands, rules) in [(&["GETDEL", "GETDEL"][..], FOREVER), (&["forget_ids"], REVERSIBLE)] {
        stage
            .each_fault(
                commands,
                async || drop(stage.assigned(&["a", "b", "c"]).await),
                async || stage.backend.forget_ids(&CLASS, &keys(&["a", "b"]), rules).await,
                |forgotten, error, fault| {
                    assert!(forgotten == 2 || error.is_some_and(|error| error.is_maybe_applied()), "{fault:?}");
                    let left: Vec<String> = stage.ask("KEYS", &["user:id:*"]);
                    assert_eq!(left, ["user:id:c"], "{fault:?}");
                },
            )
            .await;
    }
}

#[tokio::test]
async fn reserved_ids_are_never_those_of_a_call_whose_reply_was_lost() {
    const TEN: NonZeroU64 = NonZeroU64::new(10).unwrap();
    let stage = Faulty::new().await;
    stage
        .each_fault(
            &["reserve_ids"],
            async || drop(stage.assigned(&["a"]).await),
            async || stage.backend.reserve_ids(&CLASS, TEN, 0).await,
            |Reserved { ids, counter }, error, fault| {
                // A late request may move the counter after the answer.
                assert!(counter.after <= stage.counter() && *ids.end() == counter.after, "{fault:?}");
                let certain = error.is_none_or(|error| !error.is_maybe_applied());
                assert!(!certain || ids == (2..=11), "{ids:?} after {fault:?}");
                assert!(ids.start() > &1 && ids.end() - ids.start() == 9, "{ids:?} after {fault:?}");
            },
        )
        .await;
}

#[tokio::test]
async fn an_offer_that_is_repeated_gives_the_key_one_id() {
    let stage = Faulty::new().await;
    let offers = [("a", 7), ("b", 8)].map(|(text, id)| IdOffer { key: IdKey::new(text).unwrap(), id });
    stage
        .each_fault(
            &["offer_id", "offer_id"],
            async || stage.ask::<()>("SET", &["user:id:b", "9"]),
            async || stage.backend.offer_ids(&CLASS, &offers, IdTtl::NONE).await,
            |ids, _, fault| assert_eq!((ids, stage.counter()), (vec![7, 9], 0), "{fault:?}"),
        )
        .await;
}

#[test]
fn with_single_key_commands_no_more_ids_are_lost_than_are_counted() {
    const COMMANDS: [&str; 5] = ["GET", "GET", "reserve_ids", "offer_id", "offer_id"];
    in_system(async {
        let stage = Faulty::new().await;
        let texts = ["a", "b"];
        let handle = RefCell::new(None);
        stage
            .each_fault(
                &COMMANDS,
                async || {
                    let ids = UniqueId::builder(RedisBackend::clone(&stage.backend), fresh()).single_key_commands();
                    *handle.borrow_mut() = Some(ids.start().unwrap());
                },
                async || {
                    let ids = handle.borrow().clone().unwrap();
                    ids.get_or_create_many(texts).await.map(|got| (ids.clone(), got)).map_err(backend_error)
                },
                |(ids, got), _, fault| {
                    assert_ne!(got[0], got[1], "{fault:?}");
                    let counter: u64 = stage.ask("GET", &[format!("{}:auto", ids.class())]);
                    let stats = ids.stats();
                    assert!(counter <= 2 + stats.burnt + stats.reserved, "{counter} with {stats:?} after {fault:?}");
                    assert!(stats.burnt <= 2, "{stats:?} after {fault:?}");
                },
            )
            .await;
    });
}

/// A class that no floor is known of.
fn fresh() -> IdClass {
    IdClass::new(format!("class-{}", redis_ext::TaskId::random())).unwrap()
}

fn backend_error(error: Error) -> BackendError {
    match error {
        Error::Backend(error) => error,
        other => panic!("{other:?}"),
    }
}

/// From now on, each so manieth command meets a fault, each fault in its turn.
fn storm(proxy: &Proxy, every: usize) {
    let mut passed = 0;
    proxy.rule(move |command| {
        if command.is_housekeeping() {
            return None;
        }
        passed += 1;
        let fault = FAULTS[passed / every % FAULTS.len()];
        (passed % every == 0 && can_meet(&command.name, fault)).then_some(fault)
    });
}

/// The storm is over, and what was late has arrived; it must have been one.
async fn calmed(stage: &Faulty) {
    assert!(stage.proxy.calm() >= FAULTS.len(), "each fault has come");
    eventually("what was late is applied", || async { stage.proxy.late() == 0 }).await;
}

/// How many keys callers ask for in a storm.
const KEYS: u64 = 60;

/// Eight callers ask for all keys in a storm, and repeat what fails; the answers, on which they agree.
async fn agreed_in_a_storm(stage: &Faulty, ids: &UniqueId) -> Vec<u64> {
    storm(&stage.proxy, 4);
    let caller = async |ids: UniqueId| {
        let mut got = Vec::new();
        for key in 0..KEYS {
            let key = key.to_string();
            got.push(stage.repeat(async || ids.get_or_create(&key).await.map_err(backend_error)).await.get());
        }
        got
    };
    let mut got = futures_util::future::join_all((0..8).map(|_| caller(ids.clone()))).await;
    calmed(stage).await;
    assert!(got.iter().all(|ids| *ids == got[0]), "all agree");
    assert_eq!(ids.stats().counter_losses, 0);
    got.remove(0)
}

#[test]
fn callers_in_a_storm_of_faults_agree_on_dense_ids() {
    in_system(async {
        let stage = Faulty::new().await;
        let got = agreed_in_a_storm(&stage, &stage.ids()).await;
        assert_eq!((got, stage.counter()), ((1..=KEYS).collect(), KEYS));
    });
}

#[test]
fn callers_with_single_key_commands_in_a_storm_of_faults_lose_no_more_ids_than_are_counted() {
    in_system(async {
        let stage = Faulty::new().await;
        let builder = UniqueId::builder(RedisBackend::clone(&stage.backend), CLASS).single_key_commands();
        let ids = builder.start().unwrap();
        let mut got = agreed_in_a_storm(&stage, &ids).await;
        got.sort_unstable();
        got.dedup();
        assert_eq!(got.len() as u64, KEYS, "no two keys have one ID");
        let stats = ids.stats();
        assert!(stage.counter() <= KEYS + stats.burnt + stats.reserved, "{} with {stats:?}", stage.counter());
    });
}

#[test]
fn fresh_ids_in_a_storm_of_faults_are_each_given_once_and_the_lost_ones_are_counted() {
    in_system(async {
        let stage = Faulty::new().await;
        let patience = Duration::from_secs(30);
        let ids = UniqueId::builder(RedisBackend::clone(&stage.backend), CLASS).patience(patience).start().unwrap();
        storm(&stage.proxy, 2);
        let (mut last, mut got) = (0, 0);
        while stage.proxy.struck() < FAULTS.len() {
            // As many as the longest segment holds, so that each round reserves.
            for id in ids.next_ids(1 << 20).await.unwrap() {
                assert!(id.get() > last, "{id} after {last}");
                (last, got) = (id.get(), got + 1);
            }
        }
        // What is fetched ahead may be under way still.
        tokio::time::sleep(4 * RESPONSE_TIMEOUT).await;
        calmed(&stage).await;
        let stats = ids.stats();
        assert!(stage.counter() <= got + stats.burnt + stats.reserved, "{} with {got}, {stats:?}", stage.counter());
        assert_eq!(stats.counter_losses, 0);
    });
}
