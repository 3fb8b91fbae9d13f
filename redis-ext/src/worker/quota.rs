//! A limit on what all queues of a supervisor run together, and who goes first when there is not enough for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The most that a queue may have paid less than the others: one place of a queue of weight 1.
const MOST_CREDIT: f64 = 1.0;

/// Which queue goes first when several have tasks and the supervisor's limit leaves room for only some.
///
/// # Examples
/// ```
/// use redis_ext::{Concurrency, HandlerOptions, prelude::*, worker::Precedence};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Charge(u32);
/// #[derive(RedisTask)]
/// struct Report(u32);
///
/// # actix::System::new().block_on(async {
/// # let backend = MemoryBackend::new();
/// // Of eight tasks at once, three in four are charges while there are both.
/// WorkerSupervisor::builder(backend)
///     .limit(Concurrency::new(8), Precedence::Weighted)
///     .handler_fn(HandlerOptions::from(Concurrency::new(8)).weight(3), |_: Task<Charge>| async { Ok(()) })
///     .handler_fn(HandlerOptions::from(Concurrency::new(8)).weight(1), |_: Task<Report>| async { Ok(()) })
///     .start()?
///     .run_until_idle()
///     .await
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precedence {
    /// Each queue gets a share by its [weight](super::HandlerOptions::weight); none starves.
    #[default]
    Weighted,
    /// The queue whose handler was added first, as long as it has tasks; then the next. Later ones may starve.
    Strict,
}

/// The places for running tasks, shared by all lanes of a supervisor.
///
/// Weighted is stride scheduling (C. A. Waldspurger, W. E. Weihl: *Stride Scheduling*, MIT/LCS/TM-528, 1995): a queue
/// pays 1/weight for each place, and the one that has paid least goes first.
#[derive(Debug)]
pub(crate) struct Quota {
    precedence: Precedence,
    places: Mutex<Places>,
    /// Changes whenever a queue may get a place that it could not get before.
    turns: watch::Sender<()>,
}

#[derive(Debug)]
struct Places {
    free: usize,
    queues: Vec<Claimant>,
}

/// One queue of the supervisor.
#[derive(Debug)]
struct Claimant {
    weight: u32,
    /// What it has paid so far.
    paid: f64,
    /// How many of its lanes have tasks and no place for them.
    waiting: usize,
    /// How many places it has.
    running: usize,
}

impl Quota {
    /// `weights`: of the queues, in the order of their handlers.
    pub(crate) fn new(places: usize, precedence: Precedence, weights: impl IntoIterator<Item = u32>) -> Arc<Self> {
        let queues = weights
            .into_iter()
            .map(|weight| Claimant { weight: weight.max(1), paid: 0.0, waiting: 0, running: 0 })
            .collect();
        Arc::new(Self {
            precedence,
            places: Mutex::new(Places { free: places, queues }),
            turns: watch::Sender::new(()),
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Whether another waiting queue goes before this one.
    fn must_yield(&self, queue: usize, precedence: Precedence) -> bool {
        let mut others =
            self.queues.iter().enumerate().filter(|&(other, claimant)| other != queue && claimant.waiting > 0);
        match precedence {
            Precedence::Strict => others.any(|(other, _)| other < queue),
            Precedence::Weighted => others.any(|(_, claimant)| claimant.paid < self.queues[queue].paid),
        }
    }

    /// Bounds what a queue has saved up while it had no tasks, or no lack of places.
    fn bound_credit(&mut self, queue: usize) {
        let active = self.queues.iter().enumerate().filter(|&(other, claimant)| other != queue && claimant.is_active());
        let least = active.map(|(_, claimant)| claimant.paid).fold(f64::INFINITY, f64::min);
        if least.is_finite() {
            let paid = &mut self.queues[queue].paid;
            *paid = paid.max(least - MOST_CREDIT);
        }
    }
}

impl Claimant {
    fn is_active(&self) -> bool {
        self.waiting + self.running > 0
    }
}

/// One lane's way to the places. What it has taken is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seats {
    quota: Option<QueueQuota>,
    taken: usize,
    waiting: bool,
}

/// The shared places as one queue sees them.
#[derive(Debug, Clone)]
pub(crate) struct QueueQuota {
    pub(crate) shared: Arc<Quota>,
    /// The queue's number in the order of the handlers.
    pub(crate) queue: usize,
}

impl Seats {
    /// Without a quota there is always a place.
    pub(crate) fn new(quota: Option<QueueQuota>) -> Self {
        Self { quota, taken: 0, waiting: false }
    }

    /// Takes a place for a task, if there is one and it is this queue's turn. Otherwise the lane counts as waiting
    /// until it takes one or [rests](Self::rest).
    pub(crate) fn take(&mut self) -> bool {
        let Some(QueueQuota { shared, queue }) = &self.quota else { return true };
        let mut places = shared.places();
        if !self.waiting {
            places.bound_credit(*queue);
            self.waiting = true;
            places.queues[*queue].waiting += 1;
        }
        if places.free == 0 || places.must_yield(*queue, shared.precedence) {
            return false;
        }
        places.free -= 1;
        self.taken += 1;
        self.waiting = false;
        let claimant = &mut places.queues[*queue];
        claimant.waiting -= 1;
        claimant.running += 1;
        claimant.paid += 1.0 / f64::from(claimant.weight);
        if places.free > 0 {
            shared.turns.send_replace(());
        }
        true
    }

    /// Gives places back.
    pub(crate) fn give_back(&mut self, places: usize) {
        if let Some(QueueQuota { shared, queue }) = &self.quota {
            self.taken -= places;
            let mut shared_places = shared.places();
            shared_places.free += places;
            shared_places.queues[*queue].running -= places;
            drop(shared_places);
            shared.turns.send_replace(());
        }
    }

    /// The lane has no task without a place.
    pub(crate) fn rest(&mut self) {
        if let Some(QueueQuota { shared, queue }) = &self.quota
            && self.waiting
        {
            self.waiting = false;
            shared.places().queues[*queue].waiting -= 1;
            shared.turns.send_replace(());
        }
    }

    /// How many tasks may be claimed: as many as there are free places, and one where there is none, as a queue without
    /// claimed tasks could never compete for a place. None where the order is strict and another queue goes first.
    pub(crate) fn claimable(&self) -> usize {
        let Some(QueueQuota { shared, queue }) = &self.quota else { return usize::MAX };
        let places = shared.places();
        match shared.precedence {
            Precedence::Strict if places.must_yield(*queue, Precedence::Strict) => 0,
            _ => places.free.max(1),
        }
    }

    /// Tells of the changes in whose turn it is.
    pub(crate) fn turns(&self) -> Option<watch::Receiver<()>> {
        self.quota.as_ref().map(|QueueQuota { shared, .. }| shared.turns.subscribe())
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        self.rest();
        self.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seats for each weight, in a quota of so many places.
    fn seats<const N: usize>(places: usize, precedence: Precedence, weights: [u32; N]) -> [Seats; N] {
        let shared = Quota::new(places, precedence, weights);
        std::array::from_fn(|queue| Seats::new(Some(QueueQuota { shared: Arc::clone(&shared), queue })))
    }

    /// Lets queues that always have tasks take a single place in turn, and counts who got it how often. Whoever has just
    /// given it back asks first.
    fn compete<const N: usize>(seats: &mut [Seats; N], turns: usize) -> [usize; N] {
        let mut taken = [0; N];
        let mut holder = 0;
        assert!(seats[holder].take());
        for _ in 0..turns {
            for other in (0..N).filter(|&other| other != holder) {
                assert!(!seats[other].take());
            }
            seats[holder].give_back(1);
            holder = (holder..holder + N).map(|at| at % N).find(|&queue| seats[queue].take()).unwrap();
            taken[holder] += 1;
        }
        taken
    }

    #[test]
    fn places_are_shared_by_weight() {
        let taken = compete(&mut seats(1, Precedence::Weighted, [3, 1]), 400);
        assert!((295..=305).contains(&taken[0]), "{taken:?}");
    }

    #[test]
    fn the_first_queue_goes_first_when_the_order_is_strict() {
        let mut seats = seats(2, Precedence::Strict, [1, 1, 1]);
        assert!(seats[0].take() && seats[0].take() && !seats[0].take());
        assert!(!seats[2].take() && !seats[1].take());
        seats[0].give_back(2);
        assert!(!seats[1].take(), "the first has tasks and no place");
        assert_eq!(seats[1].claimable(), 0);
        seats[0].rest();
        assert!(!seats[2].take(), "the second goes before the third");
        assert!(seats[1].take());
    }

    #[test]
    fn no_more_places_are_taken_than_there_are() {
        let mut seats = seats(3, Precedence::Weighted, [1, 1]);
        let taken = (0..10).filter(|turn| seats[turn % 2].take()).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn a_queue_that_rested_has_saved_nothing_up() {
        let mut seats = seats(1, Precedence::Weighted, [1, 1]);
        for _ in 0..100 {
            assert!(seats[0].take());
            seats[0].give_back(1);
        }
        let taken = compete(&mut seats, 100);
        assert!((45..=55).contains(&taken[0]), "{taken:?}");
    }

    #[test]
    fn a_lane_that_ends_gives_its_places_back() {
        let [mut first, mut second] = seats(1, Precedence::Weighted, [1, 1]);
        assert!(first.take() && !second.take());
        drop(first);
        assert!(second.take());
    }
}
