//! The IDs role.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU64,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use dashmap::DashMap;
use redis_ext::{
    BackendError, BackendErrorKind, Timestamp,
    backend::{
        Assigned, CounterFloor, CounterFloors, CounterMove, IdBackend, IdClass, IdKey, IdOffer, IdRules, IdTtl,
        LARGEST_ID, Operation, Reserved, check_id_batch, check_reservation,
    },
};

use crate::MemoryBackend;

/// Below this many mappings, expired ones are not worth a search.
const PURGE_FROM: usize = 64;

/// All classes of IDs. One is locked, through its shard of the map, for the time of one operation.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    classes: DashMap<IdClass, Class>,
    floors: CounterFloors,
}

#[derive(Debug, Default)]
struct Class {
    counter: u64,
    mappings: HashMap<IdKey, Mapping>,
    /// The way back, as far as it was asked for. A mapping has the last word.
    keys: HashMap<u64, IdKey>,
    purge_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Mapping {
    id: u64,
    until: Option<Timestamp>,
}

impl Mapping {
    fn new(id: u64, ttl: IdTtl, now: Timestamp) -> Self {
        let until = ttl.seconds().map(|seconds| now.saturating_add(Duration::from_secs(seconds.get())));
        Self { id, until }
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// The counter has no room.
struct Exhausted;

impl Class {
    /// Takes the next `count` IDs, and answers how the counter moved.
    fn advance(&mut self, count: u64, floor: u64) -> Result<CounterMove, Exhausted> {
        let before = self.counter;
        let after = before.max(floor).checked_add(count).filter(|after| *after <= LARGEST_ID).ok_or(Exhausted)?;
        self.counter = after;
        Ok(CounterMove { before, after })
    }

    fn id_of(&self, key: &IdKey, now: Timestamp) -> Option<u64> {
        self.mappings.get(key).filter(|mapping| mapping.is_alive(now)).map(|mapping| mapping.id)
    }

    fn map(&mut self, key: &IdKey, id: u64, ttl: IdTtl, now: Timestamp) {
        self.purge(now);
        self.mappings.insert(key.clone(), Mapping::new(id, ttl, now));
    }

    fn assign(&mut self, keys: &[IdKey], rules: IdRules, floor: u64, now: Timestamp) -> Result<Assigned, Exhausted> {
        if keys.is_empty() {
            return Ok(Assigned::nothing(floor));
        }
        let mut met = HashSet::new();
        let absent = keys.iter().filter(|key| self.id_of(key, now).is_none());
        let absent: Vec<_> = absent.filter(|key| met.insert(*key)).collect();
        let counter = self.advance(absent.len() as u64, floor)?;
        let first = counter.after - absent.len() as u64 + 1;
        for (id, key) in (first..).zip(absent) {
            self.map(key, id, rules.ttl, now);
        }
        let ids = keys.iter().map(|key| self.touch(key, rules, now)).collect();
        Ok(Assigned { ids, counter })
    }

    /// The ID of a key that has one, which lives longer for it if the rules say so.
    fn touch(&mut self, key: &IdKey, rules: IdRules, now: Timestamp) -> u64 {
        let Some(mapping) = self.mappings.get_mut(key) else { return 0 };
        if rules.ttl.is_sliding() {
            *mapping = Mapping::new(mapping.id, rules.ttl, now);
        }
        if rules.reverse {
            self.keys.insert(mapping.id, key.clone());
        }
        mapping.id
    }

    fn forget(&mut self, key: &IdKey, rules: IdRules, now: Timestamp) -> bool {
        let Some(mapping) = self.mappings.remove(key) else { return false };
        if rules.reverse && self.keys.get(&mapping.id) == Some(key) {
            self.keys.remove(&mapping.id);
        }
        mapping.is_alive(now)
    }

    fn key_of(&self, id: u64, now: Timestamp) -> Option<IdKey> {
        self.keys.get(&id).filter(|key| self.id_of(key, now) == Some(id)).cloned()
    }

    fn offer(&mut self, offer: &IdOffer, ttl: IdTtl, now: Timestamp) -> u64 {
        if self.id_of(&offer.key, now).is_none() {
            self.map(&offer.key, offer.id, ttl, now);
        }
        self.touch(&offer.key, IdRules { ttl, reverse: false }, now)
    }

    /// Forgets what has expired each time the number of mappings has doubled, which makes it cheap per mapping.
    fn purge(&mut self, now: Timestamp) {
        let Self { mappings, keys, purge_at, .. } = self;
        if mappings.len() >= (*purge_at).max(PURGE_FROM) {
            mappings.retain(|_, mapping| mapping.is_alive(now));
            keys.retain(|id, key| mappings.get(key).is_some_and(|mapping| mapping.id == *id));
            *purge_at = mappings.len() * 2;
        }
    }
}

impl MemoryBackend {
    async fn id_look<R>(
        &self,
        operation: Operation,
        class: &IdClass,
        items: usize,
        look: impl FnOnce(&Class, Timestamp) -> R,
    ) -> Result<R, BackendError> {
        check_id_batch(operation, items)?;
        let call = async {
            let now = self.store.clock.now();
            Ok(match self.ids.classes.get(class) {
                Some(known) => look(&known, now),
                None => look(&Class::default(), now),
            })
        };
        self.faults.around(operation, call).await
    }

    async fn id_step<R>(
        &self,
        operation: Operation,
        class: &IdClass,
        items: usize,
        step: impl FnOnce(&mut Class, Timestamp) -> Result<R, Exhausted>,
    ) -> Result<R, BackendError> {
        check_id_batch(operation, items)?;
        let call = async {
            let now = self.store.clock.now();
            let answer = match self.ids.classes.get_mut(class) {
                Some(mut known) => step(&mut known, now),
                None => step(&mut self.ids.classes.entry(class.clone()).or_default(), now),
            };
            answer.map_err(|Exhausted| BackendError::new(BackendErrorKind::Exhausted, operation))
        };
        self.faults.around(operation, call).await
    }
}

#[async_trait]
impl IdBackend for MemoryBackend {
    async fn assign_ids(
        &self,
        class: &IdClass,
        keys: &[IdKey],
        rules: IdRules,
        floor: u64,
    ) -> Result<Assigned, BackendError> {
        let assign = |class: &mut Class, now| class.assign(keys, rules, floor, now);
        self.id_step(Operation::AssignIds, class, keys.len(), assign).await
    }

    async fn find_ids(&self, class: &IdClass, keys: &[IdKey]) -> Result<Vec<Option<u64>>, BackendError> {
        let find = |class: &Class, now| keys.iter().map(|key| class.id_of(key, now)).collect();
        self.id_look(Operation::FindIds, class, keys.len(), find).await
    }

    async fn forget_ids(&self, class: &IdClass, keys: &[IdKey], rules: IdRules) -> Result<usize, BackendError> {
        let forget = |class: &mut Class, now| Ok(keys.iter().filter(|key| class.forget(key, rules, now)).count());
        self.id_step(Operation::ForgetIds, class, keys.len(), forget).await
    }

    async fn find_keys(&self, class: &IdClass, ids: &[u64]) -> Result<Vec<Option<IdKey>>, BackendError> {
        let find = |class: &Class, now| ids.iter().map(|id| class.key_of(*id, now)).collect();
        self.id_look(Operation::FindKeys, class, ids.len(), find).await
    }

    async fn reserve_ids(&self, class: &IdClass, count: NonZeroU64, floor: u64) -> Result<Reserved, BackendError> {
        check_reservation(count)?;
        let reserve = |class: &mut Class, _| {
            let counter = class.advance(count.get(), floor)?;
            Ok(Reserved { ids: counter.after - count.get() + 1..=counter.after, counter })
        };
        self.id_step(Operation::ReserveIds, class, 1, reserve).await
    }

    async fn offer_ids(&self, class: &IdClass, offers: &[IdOffer], ttl: IdTtl) -> Result<Vec<u64>, BackendError> {
        let offer = |class: &mut Class, now| Ok(offers.iter().map(|offer| class.offer(offer, ttl, now)).collect());
        self.id_step(Operation::OfferIds, class, offers.len(), offer).await
    }

    fn counter_floor(&self, class: &IdClass) -> Arc<CounterFloor> {
        self.ids.floors.of(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn mappings_that_have_expired_do_not_pile_up_nor_does_the_way_back() {
        let (backend, class) = (MemoryBackend::new(), IdClass::from_static("user"));
        let rules = IdRules { ttl: IdTtl::fixed(Duration::from_secs(1)).unwrap(), reverse: true };
        for number in 0..1_000 {
            let key = IdKey::new(&number.to_string()).unwrap();
            backend.assign_ids(&class, &[key], rules, 0).await.unwrap();
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let kept = backend.ids.classes.get(&class).unwrap();
        assert!(kept.mappings.len() <= PURGE_FROM && kept.keys.len() <= PURGE_FROM, "{kept:?}");
    }
}
