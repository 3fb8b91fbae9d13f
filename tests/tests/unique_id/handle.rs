//! What users of a handle see, on both backends.

use std::{
    collections::HashSet,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use redis_ext::{
    Backend, BackendError,
    backend::{Assigned, CounterFloor, IdBackend, IdOffer, Operation, Reserved},
    unique_id::{HasId, Id, UniqueIdError},
};
use redis_ext_memory::{Faults, MemoryBackend};

use super::*;

async fn both() -> [Arc<dyn Backend>; 2] {
    let redis = RedisBackend::connect(&RedisServer::shared().url()).await.unwrap();
    [Arc::new(MemoryBackend::new()), Arc::new(redis)]
}

fn fresh_class() -> IdClass {
    IdClass::new(format!("class-{}", redis_ext::TaskId::random())).unwrap()
}

struct Order;

impl HasId for Order {
    const CLASS: IdClass = IdClass::from_static("order");
}

#[test]
fn a_typed_handle_gives_ids_of_its_type() {
    in_system(async {
        for backend in both().await {
            let orders = UniqueId::of::<Order>(backend).reverse().start().unwrap();
            let first: Id<Order> = orders.get_or_create("first").await.unwrap();
            assert_eq!(orders.class(), &Order::CLASS);
            assert_eq!(orders.key_of(first).await.unwrap().unwrap(), "first");
            assert_eq!(orders.lookup_many(["first", "second"]).await.unwrap(), [Some(first), None]);
            let next: Id<Order> = orders.next_id().await.unwrap();
            assert!(next > first);
        }
    });
}

#[test]
fn thousands_of_keys_in_one_call_are_dense_and_stable() {
    in_system(async {
        for backend in both().await {
            let ids = UniqueId::builder(backend, fresh_class()).reverse().start().unwrap();
            let texts: Vec<_> = (0..2_000).map(|number| format!("key-{number}")).collect();
            let first = ids.get_or_create_many(&texts).await.unwrap();
            assert_eq!(first.iter().map(|id| id.get()).collect::<Vec<_>>(), (1..=2_000).collect::<Vec<_>>());
            assert_eq!(ids.get_or_create_many(&texts).await.unwrap(), first);
            let back: Vec<_> = ids.keys_of(first).await.unwrap().into_iter().flatten().collect();
            assert_eq!(back, texts);
            assert_eq!(ids.forget_many(&texts[..1_000]).await.unwrap(), 1_000);
            assert_eq!(ids.get_or_create("another").await.unwrap(), 2_001);
        }
    });
}

#[test]
fn single_key_commands_give_the_same_ids_and_burn_none_without_a_race() {
    in_system(async {
        for backend in both().await {
            let class = fresh_class();
            let single = UniqueId::builder(Arc::clone(&backend), class.clone()).single_key_commands().start().unwrap();
            let scripted = UniqueId::builder(backend, class).start().unwrap();
            assert_eq!(single.get_or_create("a").await.unwrap(), 1);
            assert_eq!(scripted.get_or_create("b").await.unwrap(), 2);
            let ids = single.get_or_create_many(["b", "c", "a", "c"]).await.unwrap();
            assert_eq!(ids.into_iter().map(u64::from).collect::<Vec<_>>(), [2, 3, 1, 3]);
            assert!(single.forget("c").await.unwrap());
            assert_eq!(single.get_or_create("c").await.unwrap(), 4);
            assert_eq!((single.stats().burnt, single.stats().reserved), (0, 0));
        }
    });
}

#[test]
fn racing_handles_with_single_key_commands_agree_and_lose_only_what_they_hold() {
    const KEYS: u64 = 300;
    in_system(async {
        for backend in both().await {
            let class = fresh_class();
            // Handles of their own race; clones would share their requests.
            let handles: Vec<_> = (0..8)
                .map(|_| UniqueId::builder(Arc::clone(&backend), class.clone()).single_key_commands().start().unwrap())
                .collect();
            let callers = handles.iter().map(|ids| async {
                let mut all = Vec::new();
                for key in 0..KEYS {
                    all.push(ids.get_or_create(&key.to_string()).await.unwrap().get());
                }
                all
            });
            let answers = futures_util::future::join_all(callers).await;
            assert!(answers.iter().all(|ids| *ids == answers[0]), "all agree");
            assert_eq!(answers[0].iter().collect::<HashSet<_>>().len() as u64, KEYS);
            // What the counter has given is mapped, or still in hand.
            let spare: u64 = handles.iter().map(|ids| ids.stats().reserved).sum();
            let last = UniqueId::builder(backend, class).start().unwrap().get_or_create("last").await.unwrap().get();
            assert_eq!(last - 1, KEYS + spare);
            assert!(spare <= 8, "{spare} spare candidates, one for each handle at most");
            assert!(handles.iter().all(|ids| ids.stats().burnt == 0));
        }
    });
}

#[test]
fn a_lost_reply_burns_nothing_of_a_mapping_and_is_repeated_without_harm() {
    in_system(async {
        let memory = MemoryBackend::new();
        let faults = Faults::new().lose_reply(Operation::AssignIds, 1).fail(
            Operation::AssignIds,
            2,
            BackendErrorKind::Unavailable,
        );
        let ids = UniqueId::builder(memory.with_faults(faults), CLASS).start().unwrap();
        let Err(Error::Backend(lost)) = ids.get_or_create("a").await else { panic!("the reply was lost") };
        assert!(lost.is_maybe_applied());
        assert_eq!(kind(ids.get_or_create("b").await), BackendErrorKind::Unavailable);
        assert_eq!(ids.get_or_create("b").await.unwrap(), 2);
        assert_eq!(ids.get_or_create("a").await.unwrap(), 1);
        assert_eq!(ids.stats().burnt, 0);
    });
}

#[test]
fn next_id_waits_for_a_slow_store_and_gives_up_when_its_patience_is_over() {
    in_system(async {
        tokio::time::pause();
        let memory = MemoryBackend::new();
        let faults = Faults::new().delay(Operation::ReserveIds, 1, Duration::from_secs(4)).fail(
            Operation::ReserveIds,
            2..,
            BackendErrorKind::Unavailable,
        );
        let ids = UniqueId::builder(memory.with_faults(faults), CLASS).start().unwrap();
        assert_eq!(ids.next_id().await.unwrap(), 1);
        let outcome = ids.next_ids(1_000).await;
        let Err(Error::UniqueId(UniqueIdError::OutOfPatience { waited, source: Some(source) })) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((waited.as_secs(), source.kind()), (5, BackendErrorKind::Unavailable));
        assert!(matches!(
            ids.next_ids(2_000_000).await,
            Err(Error::UniqueId(UniqueIdError::TooMany { wanted: 2_000_000 }))
        ));
    });
}

/// Two threads take IDs as fast as they can: by default a million, with REDIS_EXT_IDS=100000000 the whole proof.
#[test]
fn of_very_many_ids_none_is_given_twice() {
    let total: usize = std::env::var("REDIS_EXT_IDS").map_or(1_000_000, |count| count.parse().unwrap());
    in_system(async move {
        for backend in both().await {
            let ids = UniqueId::builder(backend, fresh_class()).start().unwrap();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let ids = ids.clone();
                    tokio::task::spawn_blocking(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                        runtime.block_on(async {
                            let mut taken = Vec::with_capacity(total / 2);
                            for _ in 0..total / 2 {
                                taken.push(ids.next_id().await.unwrap().get());
                            }
                            taken
                        })
                    })
                })
                .collect();
            // One bit for each ID that there may be: those that were given, and those that are in hand.
            let mut seen = vec![0_u64; total / 64 + 50_000];
            for thread in threads {
                let taken = thread.await.unwrap();
                assert!(taken.is_sorted_by(|a, b| a < b), "IDs grow");
                for id in taken {
                    let (word, bit) = (usize::try_from(id / 64).unwrap(), 1 << (id % 64));
                    assert_eq!(seen[word] & bit, 0, "{id} was given twice");
                    seen[word] |= bit;
                }
            }
        }
    });
}

#[test]
fn callers_who_wait_when_the_arbiter_ends_are_told() {
    in_system(async {
        let late = |operation| Faults::new().delay(operation, 1.., Duration::from_secs(3600));
        let memory = MemoryBackend::new();
        for operation in [Operation::AssignIds, Operation::ReserveIds] {
            let arbiter = actix::Arbiter::new();
            let builder = UniqueId::builder(memory.with_faults(late(operation)), CLASS).arbiter(&arbiter.handle());
            let ids = builder.patience(Duration::from_secs(3600)).start().unwrap();
            let caller = actix::spawn(async move {
                match operation {
                    Operation::AssignIds => ids.get_or_create("a").await,
                    _ => ids.next_id().await,
                }
            });
            // So that the request is under way, which nobody can see from here.
            tokio::time::sleep(Duration::from_millis(50)).await;
            arbiter.stop();
            let told = tokio::time::timeout(Duration::from_secs(10), caller).await.unwrap().unwrap();
            assert!(matches!(told, Err(Error::UniqueId(UniqueIdError::Stopped))), "{told:?}");
        }
    });
}

/// A backend that panics in its first assignment.
struct Panicking {
    inner: MemoryBackend,
    calls: AtomicUsize,
}

#[async_trait]
impl IdBackend for Panicking {
    async fn assign_ids(
        &self,
        class: &IdClass,
        keys: &[IdKey],
        rules: IdRules,
        floor: u64,
    ) -> Result<Assigned, BackendError> {
        assert_ne!(self.calls.fetch_add(1, Relaxed), 0, "a planned panic");
        self.inner.assign_ids(class, keys, rules, floor).await
    }

    async fn find_ids(&self, class: &IdClass, keys: &[IdKey]) -> Result<Vec<Option<u64>>, BackendError> {
        self.inner.find_ids(class, keys).await
    }

    async fn forget_ids(&self, class: &IdClass, keys: &[IdKey], rules: IdRules) -> Result<usize, BackendError> {
        self.inner.forget_ids(class, keys, rules).await
    }

    async fn find_keys(&self, class: &IdClass, ids: &[u64]) -> Result<Vec<Option<IdKey>>, BackendError> {
        self.inner.find_keys(class, ids).await
    }

    async fn reserve_ids(&self, class: &IdClass, count: NonZeroU64, floor: u64) -> Result<Reserved, BackendError> {
        assert_ne!(self.calls.fetch_add(1, Relaxed), 0, "a planned panic");
        self.inner.reserve_ids(class, count, floor).await
    }

    async fn offer_ids(&self, class: &IdClass, offers: &[IdOffer], ttl: IdTtl) -> Result<Vec<u64>, BackendError> {
        self.inner.offer_ids(class, offers, ttl).await
    }

    fn counter_floor(&self, class: &IdClass) -> Arc<CounterFloor> {
        self.inner.counter_floor(class)
    }
}

fn panicking() -> Panicking {
    Panicking { inner: MemoryBackend::new(), calls: AtomicUsize::new(0) }
}

#[test]
fn a_backend_that_panics_fails_the_callers_of_that_request_and_no_others() {
    in_system(async {
        let ids = UniqueId::builder(panicking(), CLASS).start().unwrap();
        let texts: Vec<_> = (0..600).map(|number| number.to_string()).collect();
        let answers = futures_util::future::join_all(texts.iter().map(|text| ids.get_or_create(text))).await;
        assert!(answers[..512].iter().all(|answer| matches!(answer, Err(Error::UniqueId(UniqueIdError::Stopped)))));
        assert!(answers[512..].iter().all(Result::is_ok));
        assert!(ids.get_or_create("0").await.is_ok());
    });
}

#[test]
fn a_panic_while_ids_are_reserved_is_tried_again_for_those_who_wait() {
    in_system(async {
        let ids = UniqueId::builder(panicking(), CLASS).start().unwrap();
        assert_eq!(ids.next_id().await.unwrap(), 1);
    });
}
