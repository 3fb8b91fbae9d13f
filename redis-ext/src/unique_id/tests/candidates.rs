//! The way with single keys: what becomes of candidates.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{CLASS, counting, engine, error, key};
use crate::{
    BackendErrorKind, IdTtl,
    backend::{IdKey, IdOffer, IdRules, MockIdBackend},
    unique_id::engine::{Engine, Protocol},
};

/// Mappings to which a test can add while the engine is between two steps.
#[derive(Clone, Default)]
struct Store {
    counter: Arc<Mutex<u64>>,
    mappings: Arc<Mutex<HashMap<IdKey, u64>>>,
    /// What others map after keys were looked for and before IDs are offered.
    rivals: Arc<Mutex<HashMap<IdKey, u64>>>,
}

impl Store {
    fn backend(&self) -> MockIdBackend {
        let mut backend = counting(&self.counter);
        let store = self.clone();
        backend.expect_find_ids().returning(move |_, keys| {
            let mut mappings = store.mappings.lock().unwrap();
            let found = keys.iter().map(|key| mappings.get(key).copied()).collect();
            mappings.extend(store.rivals.lock().unwrap().drain());
            Ok(found)
        });
        backend
    }

    fn accepting(&self) -> MockIdBackend {
        let (mut backend, store) = (self.backend(), self.clone());
        backend.expect_offer_ids().returning(move |_, offers, _| Ok(store.accept(offers)));
        backend
    }

    fn accept(&self, offers: &[IdOffer]) -> Vec<u64> {
        let mut mappings = self.mappings.lock().unwrap();
        offers.iter().map(|offer| *mappings.entry(offer.key.clone()).or_insert(offer.id)).collect()
    }

    fn rival(&self, text: &str, id: u64) {
        self.rivals.lock().unwrap().insert(key(text), id);
    }
}

async fn assign(engine: &Engine, keys: &[&str]) -> Vec<u64> {
    let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
    engine.assign(&keys).await.unwrap()
}

#[tokio::test]
async fn without_races_ids_are_dense_and_nothing_is_spare() {
    let store = Store::default();
    let engine = engine(store.accepting(), Protocol::SingleKeys);
    assert_eq!(assign(&engine, &["a", "b", "a"]).await, [1, 2, 1]);
    assert_eq!(assign(&engine, &["b", "c"]).await, [2, 3]);
    assert_eq!((engine.candidates.spare(), engine.candidates.burnt()), (0, 0));
}

#[tokio::test]
async fn a_candidate_that_loses_a_race_is_the_next_new_keys_id() {
    let store = Store::default();
    let engine = engine(store.accepting(), Protocol::SingleKeys);
    store.rival("b", 999);
    assert_eq!(assign(&engine, &["a", "b", "c"]).await, [1, 999, 3]);
    assert_eq!(engine.candidates.spare(), 1);
    assert_eq!(assign(&engine, &["d", "e"]).await, [2, 4]);
    assert_eq!((engine.candidates.spare(), engine.candidates.burnt()), (0, 0));
}

#[tokio::test]
async fn candidates_are_kept_when_an_offer_is_refused_and_burnt_when_its_reply_is_lost() {
    let store = Store::default();
    let (mut backend, accepting) = (store.backend(), store.clone());
    let refused = || Err(error(BackendErrorKind::Overloaded));
    let lost = || Err(error(BackendErrorKind::Timeout).maybe_applied());
    backend.expect_offer_ids().times(1).returning(move |_, _, _| refused());
    let applied = store.clone();
    backend.expect_offer_ids().times(1).returning(move |_, offers, _| {
        applied.accept(offers);
        lost()
    });
    backend.expect_offer_ids().returning(move |_, offers, _| Ok(accepting.accept(offers)));
    let engine = engine(backend, Protocol::SingleKeys);
    let keys = [key("a"), key("b")];

    assert!(!engine.assign(&keys).await.unwrap_err().is_maybe_applied());
    assert_eq!((engine.candidates.spare(), engine.candidates.burnt()), (2, 0));
    assert!(engine.assign(&keys).await.unwrap_err().is_maybe_applied());
    // It is not known that the keys have taken them, so no other key is offered them.
    assert_eq!((engine.candidates.spare(), engine.candidates.burnt()), (0, 2));
    assert_eq!(assign(&engine, &["a", "b", "c"]).await, [1, 2, 3]);
}

#[tokio::test]
async fn an_id_is_offered_to_its_own_key_again_so_that_it_slides() {
    let store = Store::default();
    let offered = Arc::<Mutex<Vec<(String, u64)>>>::default();
    let (mut backend, accepting, noted) = (store.backend(), store.clone(), Arc::clone(&offered));
    backend.expect_offer_ids().returning(move |_, offers, _| {
        noted.lock().unwrap().extend(offers.iter().map(|offer| (offer.key.to_string(), offer.id)));
        Ok(accepting.accept(offers))
    });
    let rules = IdRules { ttl: IdTtl::sliding(Duration::from_secs(60)).unwrap(), reverse: false };
    let engine = Engine::new(Arc::new(backend), CLASS, rules, Protocol::SingleKeys);
    assert_eq!(assign(&engine, &["a"]).await, [1]);
    assert_eq!(assign(&engine, &["a", "b"]).await, [1, 2]);
    let offered = offered.lock().unwrap();
    assert_eq!(*offered, [("a", 1), ("a", 1), ("b", 2)].map(|(key, id)| (key.to_owned(), id)));
}

#[tokio::test]
async fn spare_candidates_are_given_up_when_the_counter_was_lost() {
    let store = Store::default();
    let engine = engine(store.accepting(), Protocol::SingleKeys);
    store.rival("a", 999);
    assert_eq!(assign(&engine, &["a"]).await, [999]);
    assert_eq!(engine.candidates.spare(), 1);
    *store.counter.lock().unwrap() = 0;
    // One spare candidate is not enough for two keys, and in asking for more the loss is found.
    assert_eq!(assign(&engine, &["b", "c"]).await, [2, 3]);
    assert_eq!((engine.counter.losses(), engine.candidates.spare(), engine.candidates.burnt()), (1, 0, 1));
}
