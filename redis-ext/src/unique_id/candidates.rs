//! Getting IDs without a step that touches counter and mapping together: a candidate is taken from the counter and
//! offered to the key. One that loses a race is kept for the next new key.
//!
//! Lost are only candidates of which it is not known whether their key has taken them, when a reply is lost, and those
//! that are kept when the process ends: at most one for each key that was being asked for at once.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroU64,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::counter::Counter;
use crate::{
    BackendError,
    backend::{IdBackend, IdClass, IdKey, IdOffer, IdTtl},
};

#[derive(Default)]
pub(super) struct Candidates {
    spare: Mutex<BTreeSet<u64>>,
    burnt: AtomicU64,
}

/// Candidates on their way to a key. If they are dropped, it is not known whether they arrived.
struct Offered<'c> {
    home: &'c Candidates,
    candidates: BTreeSet<u64>,
}

impl Candidates {
    pub(super) fn spare(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn burnt(&self) -> u64 {
        self.burnt.load(Relaxed)
    }

    /// The IDs of keys, at most a batch of them.
    pub(super) async fn assign(
        &self,
        backend: &dyn IdBackend,
        class: &IdClass,
        counter: &Counter,
        keys: &[IdKey],
        ttl: IdTtl,
    ) -> Result<Vec<u64>, BackendError> {
        let mut found = HashMap::new();
        let (mut offers, mut absent) = (Vec::new(), Vec::new());
        for (key, id) in keys.iter().zip(backend.find_ids(class, keys).await?) {
            let met = found.insert(key, id).is_some();
            match id {
                _ if met => {}
                None => absent.push(key),
                // Its own ID, offered once more, makes it live longer.
                Some(id) if ttl.is_sliding() => offers.push(IdOffer { key: key.clone(), id }),
                Some(_) => {}
            }
        }
        let offered = self.take(absent.len(), counter).await?;
        let new = absent.into_iter().zip(&offered.candidates);
        offers.extend(new.map(|(key, id)| IdOffer { key: key.clone(), id: *id }));
        match backend.offer_ids(class, &offers, ttl).await {
            Ok(ids) => {
                offered.unless_taken(&ids);
                found.extend(offers.iter().zip(ids).map(|(offer, id)| (&offer.key, Some(id))));
                Ok(keys.iter().filter_map(|key| found.get(key).copied().flatten()).collect())
            }
            Err(error) => {
                if !error.is_maybe_applied() {
                    offered.unless_taken(&[]);
                }
                Err(error)
            }
        }
    }

    /// Spare candidates first, the lowest of them; what is missing comes from the counter.
    async fn take(&self, count: usize, counter: &Counter) -> Result<Offered<'_>, BackendError> {
        let mut taken = Offered { home: self, candidates: BTreeSet::new() };
        loop {
            taken.add_spare(count);
            let missing = count.saturating_sub(taken.candidates.len());
            let Some(missing) = NonZeroU64::new(missing as u64) else { return Ok(taken) };
            match counter.reserve(missing).await {
                Ok(reservation) => {
                    if reservation.after_loss {
                        taken.burn_all();
                    }
                    taken.candidates.extend(reservation.ids);
                }
                Err(error) => {
                    taken.unless_taken(&[]);
                    return Err(error);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offered<'_> {
    fn add_spare(&mut self, count: usize) {
        let mut spare = self.home.lock();
        while self.candidates.len() < count
            && let Some(candidate) = spare.pop_first()
        {
            self.candidates.insert(candidate);
        }
    }

    /// Gives up these and the spare ones, as others may have been given them, too.
    fn burn_all(&mut self) {
        self.candidates.append(&mut self.home.lock());
        self.home.burnt.fetch_add(self.candidates.len() as u64, Relaxed);
        self.candidates.clear();
    }

    /// Keeps the candidates that are not among these IDs.
    fn unless_taken(mut self, ids: &[u64]) {
        for id in ids {
            self.candidates.remove(id);
        }
        self.home.lock().append(&mut self.candidates);
    }
}

impl Drop for Offered<'_> {
    fn drop(&mut self) {
        self.home.burnt.fetch_add(self.candidates.len() as u64, Relaxed);
    }
}
