//! Any sequence of operations has the same answers on both backends.

use std::num::NonZeroU64;

use proptest::{collection::vec, prelude::*, sample::select};
use redis_ext::{
    BackendError,
    backend::{IdBackend, IdOffer, LARGEST_ID},
};
use redis_ext_memory::MemoryBackend;
use tokio::runtime::Runtime;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Assign { keys: Vec<IdKey>, reverse: bool, floor: u64 },
    Find { keys: Vec<IdKey> },
    Forget { keys: Vec<IdKey>, reverse: bool },
    Keys { ids: Vec<u64> },
    Reserve { count: NonZeroU64, floor: u64 },
    Offer { offers: Vec<IdOffer> },
}

/// An operation's outcome, whichever it was.
type Answer = Result<String, BackendErrorKind>;

impl Step {
    async fn run(&self, backend: &dyn IdBackend, class: &IdClass) -> Answer {
        let rules = |reverse: bool| if reverse { REVERSIBLE } else { FOREVER };
        match self {
            Self::Assign { keys, reverse, floor } => {
                answer(backend.assign_ids(class, keys, rules(*reverse), *floor).await)
            }
            Self::Find { keys } => answer(backend.find_ids(class, keys).await),
            Self::Forget { keys, reverse } => answer(backend.forget_ids(class, keys, rules(*reverse)).await),
            Self::Keys { ids } => answer(backend.find_keys(class, ids).await),
            Self::Reserve { count, floor } => answer(backend.reserve_ids(class, *count, *floor).await),
            Self::Offer { offers } => answer(backend.offer_ids(class, offers, IdTtl::NONE).await),
        }
    }
}

fn answer<T: std::fmt::Debug>(outcome: Result<T, BackendError>) -> Answer {
    outcome.map(|answer| format!("{answer:?}")).map_err(|error| error.kind())
}

/// Few enough that steps meet.
fn key() -> impl Strategy<Value = IdKey> {
    select(vec!["a", "b", "auto", "id:a", "ключ", "\n"]).prop_map(|text| IdKey::new(text).unwrap())
}

fn some_keys() -> impl Strategy<Value = Vec<IdKey>> {
    vec(key(), 0..5)
}

fn id() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..12_u64, 1 => (1 << 53) - 2..(1 << 53) + 4_u64, 1 => LARGEST_ID - 4..=LARGEST_ID]
}

fn floor() -> impl Strategy<Value = u64> {
    prop_oneof![8 => Just(0), 1 => id()]
}

fn step() -> impl Strategy<Value = Step> {
    let count = (1..4_u64).prop_map(|count| NonZeroU64::new(count).unwrap());
    let offer = (key(), id()).prop_map(|(key, id)| IdOffer { key, id });
    prop_oneof![
        4 => (some_keys(), any::<bool>(), floor())
            .prop_map(|(keys, reverse, floor)| Step::Assign { keys, reverse, floor }),
        2 => some_keys().prop_map(|keys| Step::Find { keys }),
        2 => (some_keys(), any::<bool>()).prop_map(|(keys, reverse)| Step::Forget { keys, reverse }),
        3 => vec(id(), 0..8).prop_map(|ids| Step::Keys { ids }),
        1 => (count, floor()).prop_map(|(count, floor)| Step::Reserve { count, floor }),
        1 => vec(offer, 0..3).prop_map(|offers| Step::Offer { offers }),
    ]
}

#[test]
fn both_backends_give_the_same_answers_whatever_is_asked() {
    let runtime = Runtime::new().unwrap();
    let (server, memory) = (RedisServer::start(), MemoryBackend::new());
    let redis = runtime.block_on(RedisBackend::connect(&server.url())).unwrap();
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in vec(step(), 1..30))| {
        let class = IdClass::new(format!("class-{}", redis_ext::TaskId::random())).unwrap();
        runtime.block_on(async {
            for (at, step) in steps.iter().enumerate() {
                let (in_memory, on_redis) = (step.run(&memory, &class).await, step.run(&redis, &class).await);
                prop_assert_eq!(in_memory, on_redis, "in memory and on Redis, step {}: {:?}", at, step);
            }
            Ok(())
        })?;
    });
}
