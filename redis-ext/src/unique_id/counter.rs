//! All that moves a class's counter: one request at a time, and each compared with what was seen before.

use std::{
    num::NonZeroU64,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    BackendError, BackendErrorKind,
    backend::{CounterFloor, CounterMove, IdBackend, IdClass, IdKey, IdRules, Operation},
};

pub(super) struct Counter {
    backend: Arc<dyn IdBackend>,
    class: IdClass,
    floor: Arc<CounterFloor>,
    losses: AtomicU64,
    burnt: AtomicU64,
}

/// IDs that belong to this process.
pub(super) struct Reservation {
    pub(super) ids: RangeInclusive<u64>,
    /// The counter had gone back, so others may have been given what was reserved before.
    pub(super) after_loss: bool,
}

impl Counter {
    pub(super) fn new(backend: Arc<dyn IdBackend>, class: IdClass) -> Self {
        let floor = backend.counter_floor(&class);
        Self { backend, class, floor, losses: AtomicU64::new(0), burnt: AtomicU64::new(0) }
    }

    /// How often the counter was found lost.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Relaxed)
    }

    /// How many IDs may have been reserved by requests whose replies were lost.
    pub(super) fn burnt(&self) -> u64 {
        self.burnt.load(Relaxed)
    }

    pub(super) async fn assign(&self, keys: &[IdKey], rules: IdRules) -> Result<Vec<u64>, BackendError> {
        let mut seen = self.floor.seen.lock().await;
        let assigned = self.backend.assign_ids(&self.class, keys, rules, *seen).await?;
        self.note(&mut seen, assigned.counter);
        Ok(assigned.ids)
    }

    pub(super) async fn reserve(&self, count: NonZeroU64) -> Result<Reservation, BackendError> {
        let mut seen = self.floor.seen.lock().await;
        let reserved = self.backend.reserve_ids(&self.class, count, *seen).await.inspect_err(|error| {
            if error.is_maybe_applied() {
                self.burnt.fetch_add(count.get(), Relaxed);
            }
        })?;
        if reserved.ids.start() <= &*seen {
            let source = format!("the IDs {:?} were reserved, and the counter was seen at {seen}", reserved.ids);
            return Err(BackendError::new(BackendErrorKind::Corrupt, Operation::ReserveIds).with_source(source));
        }
        let after_loss = self.note(&mut seen, reserved.counter);
        Ok(Reservation { ids: reserved.ids, after_loss })
    }

    /// Takes a look at where the counter stood; the answer is whether it had been lost.
    fn note(&self, seen: &mut u64, counter: CounterMove) -> bool {
        let lost = counter.before < *seen;
        if lost {
            self.losses.fetch_add(1, Relaxed);
            tracing::error!(
                class = %self.class,
                seen = *seen,
                found = counter.before,
                "the counter of a class of unique IDs was lost, by a flush or a failover to a replica that was behind: \
                 this process has lifted it and goes on above what it saw, but others may give IDs a second time"
            );
        }
        *seen = counter.after.max(*seen);
        lost
    }
}
