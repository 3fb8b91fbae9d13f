//! Ranges of IDs that are reserved before they are needed, so that taking one asks nobody.
//!
//! There are two buffers in turn: while one segment is used up, the next is fetched, from the moment when less than half
//! a segment is left. A segment holds what is used in [`SPAN`] at the present rate, within bounds; what a process has at
//! most when it dies, and what nobody will ever get then, is one and a half of the longest.
//!
//! Ranges come from a counter that only grows, and are used in their order, so IDs only grow too.

use std::{
    collections::VecDeque,
    num::NonZeroU64,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{UniqueIdError, counter::Reservation};
use crate::{BackendError, Error, backend::MAX_RESERVATION};

/// How long a segment lasts at the rate at which the last one was used.
const SPAN: Duration = Duration::from_millis(250);

/// The shortest segment, which is also the first one.
const SHORTEST: u64 = 32;

/// The longest segment: at ten million IDs a second it lasts for a tenth of one.
const LONGEST: u64 = MAX_RESERVATION;

/// How many times longer or shorter than the last a segment may be.
const STEEPEST: u64 = 16;

#[derive(Default)]
pub(super) struct Segments {
    state: Mutex<State>,
    /// Something has come: IDs, or an error.
    news: Notify,
    burnt: AtomicU64,
}

#[derive(Default)]
struct State {
    ranges: VecDeque<Range>,
    /// How many IDs are in the ranges.
    left: u64,
    /// How many have been taken since the last segment was fetched, and when that was.
    taken: u64,
    fetched: Option<Instant>,
    /// The length of the last segment.
    length: u64,
    /// How many IDs are waited for.
    wanted: u64,
    /// Somebody fetches segments.
    driven: bool,
    /// How many errors against which waiting does not help, and the latest of them.
    failures: u64,
    failure: Option<BackendError>,
    /// The error that may pass, as long as it has not.
    trouble: Option<BackendError>,
    closed: bool,
}

/// IDs from `next` up to and without `end`.
#[derive(Clone, Copy)]
struct Range {
    next: u64,
    end: u64,
}

/// What there was at once.
pub(super) struct Taken {
    pub(super) id: Option<u64>,
    /// Nobody fetches segments, and one is needed: the caller has to see to it.
    pub(super) runs_low: bool,
}

impl State {
    fn take(&mut self, most: u64) -> Option<Range> {
        let front = self.ranges.front_mut()?;
        let taken = Range { next: front.next, end: front.end.min(front.next.saturating_add(most)) };
        front.next = taken.end;
        if front.next == front.end {
            self.ranges.pop_front();
        }
        let count = taken.end - taken.next;
        self.left -= count;
        self.taken += count;
        Some(taken)
    }

    fn is_low(&self) -> bool {
        self.wanted > self.left || self.left < self.length.max(SHORTEST) / 2
    }

    /// Whether the caller has to see to it that segments are fetched.
    fn runs_low(&mut self) -> bool {
        let runs_low = !self.driven && !self.closed && self.is_low();
        self.driven |= runs_low;
        runs_low
    }

    /// How long the next segment should be.
    fn next_length(&self, now: Instant) -> u64 {
        let at_this_rate = self.fetched.map_or(0.0, |fetched| {
            let elapsed = now.duration_since(fetched).max(Duration::from_micros(1));
            self.taken as f64 * SPAN.as_secs_f64() / elapsed.as_secs_f64()
        });
        let length = self.length.max(SHORTEST);
        let steady = (at_this_rate as u64).clamp(length / STEEPEST, length * STEEPEST);
        steady.max(self.wanted.saturating_sub(self.left)).clamp(SHORTEST, LONGEST)
    }
}

impl Segments {
    /// How many IDs were reserved and given to nobody.
    pub(super) fn burnt(&self) -> u64 {
        self.burnt.load(Relaxed)
    }

    /// How many IDs are there to be taken.
    pub(super) fn left(&self) -> u64 {
        self.lock().left
    }

    pub(super) fn take_one(&self) -> Taken {
        let mut state = self.lock();
        let id = state.take(1).map(|range| range.next);
        Taken { id, runs_low: state.runs_low() }
    }

    /// The length of the segment to fetch next; nothing when there is enough, and then the next caller who finds too
    /// little sees to it again.
    pub(super) fn next(&self) -> Option<NonZeroU64> {
        let mut state = self.lock();
        state.driven = state.is_low() && !state.closed;
        if !state.driven {
            return None;
        }
        let now = Instant::now();
        state.length = state.next_length(now);
        (state.fetched, state.taken) = (Some(now), 0);
        NonZeroU64::new(state.length)
    }

    pub(super) fn add(&self, reservation: Reservation) {
        let mut state = self.lock();
        if reservation.after_loss {
            // Others may have been given these, too.
            self.burnt.fetch_add(state.left, Relaxed);
            state.ranges.clear();
            state.left = 0;
        }
        let (first, last) = reservation.ids.into_inner();
        state.ranges.push_back(Range { next: first, end: last + 1 });
        state.left += last + 1 - first;
        state.trouble = None;
        drop(state);
        self.news.notify_waiters();
    }

    /// Fetching has failed. All who wait are told, unless the error may pass while they wait.
    pub(super) fn note(&self, error: BackendError) {
        let mut state = self.lock();
        if error.is_retryable() {
            state.trouble = Some(error);
            return;
        }
        state.failures += 1;
        state.failure = Some(error);
        drop(state);
        self.news.notify_waiters();
    }

    /// Whether anybody waits; if not, whoever fetches may stop, and the next caller who finds too little sees to it again.
    pub(super) fn are_awaited(&self) -> bool {
        let mut state = self.lock();
        state.driven = state.wanted > state.left && !state.closed;
        state.driven
    }

    /// Lets all who wait know that nothing will come, and all who come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_waiters();
    }

    /// Takes `count` IDs, as soon as there are so many, and gives up after `patience`. When segments have to be fetched,
    /// `fetch` is called.
    pub(super) async fn collect(&self, count: u64, patience: Duration, fetch: impl Fn()) -> Result<Vec<u64>, Error> {
        let mut collection = Collection::begin(self, count);
        let begun = Instant::now();
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // From here on no news is missed.
            news.as_mut().enable();
            let (progress, runs_low) = collection.go_on();
            if runs_low {
                fetch();
            }
            match progress {
                Progress::Complete => return Ok(collection.complete()),
                Progress::Failed(error) => return Err(error),
                Progress::Waits => {}
            }
            if tokio::time::timeout(patience.saturating_sub(begun.elapsed()), news).await.is_err() {
                let source = self.lock().trouble.clone();
                return Err(UniqueIdError::OutOfPatience { waited: begun.elapsed(), source }.into());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// IDs on their way to a caller who may go away before they are complete.
struct Collection<'s> {
    segments: &'s Segments,
    ids: Vec<u64>,
    missing: u64,
    /// What had failed before this began.
    failures: u64,
}

enum Progress {
    Complete,
    Failed(Error),
    Waits,
}

impl<'s> Collection<'s> {
    fn begin(segments: &'s Segments, count: u64) -> Self {
        let mut state = segments.lock();
        state.wanted += count;
        Self { segments, ids: Vec::new(), missing: count, failures: state.failures }
    }

    /// Takes what there is; tells how far that came, and whether the caller has to see to it that segments are fetched.
    fn go_on(&mut self) -> (Progress, bool) {
        let mut state = self.segments.lock();
        while self.missing > 0
            && let Some(range) = state.take(self.missing)
        {
            self.ids.extend(range.next..range.end);
            self.missing -= range.end - range.next;
            state.wanted -= range.end - range.next;
        }
        let progress = if self.missing == 0 {
            Progress::Complete
        } else if state.closed {
            Progress::Failed(UniqueIdError::Stopped.into())
        } else if state.failures > self.failures {
            Progress::Failed(state.failure.clone().map_or_else(|| UniqueIdError::Stopped.into(), Error::Backend))
        } else {
            Progress::Waits
        };
        let gives_up = matches!(progress, Progress::Failed(_));
        (progress, !gives_up && state.runs_low())
    }

    fn complete(mut self) -> Vec<u64> {
        std::mem::take(&mut self.ids)
    }
}

impl Drop for Collection<'_> {
    fn drop(&mut self) {
        self.segments.burnt.fetch_add(self.ids.len() as u64, Relaxed);
        self.segments.lock().wanted -= self.missing;
    }
}
