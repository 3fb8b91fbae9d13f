//! The place that all handles read: the latest view, and until when it may be served.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use tokio::{sync::broadcast, time::Instant};

use super::{
    Freshness, Mode, Stale, WhenStale,
    changes::{Diff, Published},
    members::Members,
    snapshot::{Snapshot, View},
};
use crate::backend::SetMark;

/// How many changes a slow reader of changes may be behind before it gets them as one.
const CHANGES_KEPT: usize = 256;

pub(super) struct Cell<T> {
    view: ArcSwap<View<T>>,
    when_stale: WhenStale,
    /// The clock of the times below: nanoseconds since then. It is read at every read, as a flag that says "too old"
    /// would not be set in time by an owner whose thread is blocked.
    origin: Instant,
    proven_at: AtomicU64,
    served_until: AtomicU64,
    mode: AtomicU8,
    changes: broadcast::Sender<Arc<Published<T>>>,
}

impl<T> Cell<T> {
    /// An empty place, from which nothing can be read.
    pub(super) fn new(when_stale: WhenStale) -> Self {
        Self {
            view: ArcSwap::from_pointee(View { mark: SetMark::NEW, members: Members::new() }),
            when_stale,
            // A moment before now, so that now is later than "never".
            origin: Instant::now() - Duration::from_nanos(1),
            proven_at: AtomicU64::new(0),
            served_until: AtomicU64::new(0),
            mode: AtomicU8::new(Mode::Disconnected.code()),
            changes: broadcast::channel(CHANGES_KEPT).0,
        }
    }

    /// The view, if it may be read.
    pub(super) fn read(&self) -> Result<Guard<Arc<View<T>>>, Stale> {
        // The time is looked at first: the view can only be newer than what that was said of.
        if self.nanos(Instant::now()) <= self.served_until.load(SeqCst) {
            Ok(self.view.load())
        } else {
            Err(self.stale())
        }
    }

    #[cold]
    fn stale(&self) -> Stale {
        Stale { freshness: self.freshness() }
    }

    /// The view, however old it is.
    pub(super) fn latest(&self) -> Snapshot<T> {
        Snapshot(self.view.load_full())
    }

    pub(super) fn freshness(&self) -> Freshness {
        let age = self.nanos(Instant::now()).saturating_sub(self.proven_at.load(SeqCst));
        Freshness {
            version: self.view.load().mark.version,
            age: Duration::from_nanos(age),
            mode: Mode::of_code(self.mode.load(SeqCst)),
        }
    }

    /// Whether reads ask the store while the view is too old.
    pub(super) fn reads_through(&self) -> bool {
        self.when_stale == WhenStale::Direct
    }

    pub(super) fn subscribe(&self) -> (broadcast::Receiver<Arc<Published<T>>>, Snapshot<T>) {
        // In this order: what is published in between is told of twice, and the reader sees that.
        let receiver = self.changes.subscribe();
        (receiver, self.latest())
    }

    /// Shows a view from now on; `diff` is what it changes, if that is known.
    pub(super) fn publish(&self, view: View<T>, diff: Option<Diff<T>>) {
        let before = Snapshot(self.view.load_full());
        let after = Snapshot(Arc::new(view));
        self.view.store(Arc::clone(&after.0));
        if self.changes.receiver_count() > 0 {
            // The error is that the last receiver has gone meanwhile.
            let _ = self.changes.send(Arc::new(Published { before, after, diff }));
        }
    }

    /// It is proven that the store had the view's version at `at`; in `mode` that is good for `good_for`.
    pub(super) fn prove(&self, at: Instant, mode: Mode, good_for: Duration) {
        let served_for = match self.when_stale {
            WhenStale::ServeStale(max) => max.max(good_for),
            WhenStale::Refuse | WhenStale::Direct => good_for,
        };
        let served_for = u64::try_from(served_for.as_nanos()).unwrap_or(u64::MAX);
        let at = self.nanos(at);
        // Only the owner of the view writes here.
        if at >= self.proven_at.load(SeqCst) {
            self.proven_at.store(at, SeqCst);
            self.served_until.store(at.saturating_add(served_for), SeqCst);
        }
        self.become_mode(mode);
    }

    pub(super) fn become_mode(&self, mode: Mode) {
        self.mode.store(mode.code(), SeqCst);
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }
}
