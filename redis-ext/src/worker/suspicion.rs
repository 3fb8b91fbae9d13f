//! Tasks that are one crash short of poison: each is tried alone, so that no task is buried for what its neighbour did.
//!
//! A crash counts against everything that the dead worker held, as nobody knows which task killed it. A task on its last
//! chance is therefore claimed and run with nothing beside it in its lane; and as a crash takes the whole process along,
//! only one lane of a process tries one at a time. If that process dies as well, it was this task.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    backend::{Claimed, Recovery},
    task::Envelope,
};

/// Whether the next death of its worker makes this task poison.
pub(crate) fn is_suspect(task: &Claimed, rules: Recovery) -> bool {
    static MARK: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"crashes\""));
    MARK.find(task.entry()).is_some()
        && Envelope::parse(task.entry())
            .is_ok_and(|envelope| envelope.crashes > 0 && envelope.crashes.saturating_add(1) >= rules.poison_after)
}

/// The right to try a suspect, which one lane has at a time.
#[derive(Debug, Clone)]
pub(crate) struct Court(Arc<Semaphore>);

impl Court {
    /// One that nobody else knows.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// That of this process.
    pub(crate) fn of_this_process() -> Self {
        static COURT: LazyLock<Court> = LazyLock::new(Court::new);
        COURT.clone()
    }
}

/// How a lane takes tasks: as many as it has room for, or, once it has met a suspect, one by one, and each only with
/// the court's right.
#[derive(Debug)]
pub(crate) struct Caution {
    court: Court,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No suspect was among the latest tasks.
    Trusting,
    /// The next task may be a suspect, and another lane may be trying one.
    Waiting,
    /// The next task may be claimed alone.
    Ready(OwnedSemaphorePermit),
    /// A suspect was claimed; the right is kept until it is settled.
    Trying(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
}

impl Caution {
    pub(crate) fn new(court: Court) -> Self {
        Self { court, state: State::Trusting }
    }

    /// How many tasks may be claimed at all.
    pub(crate) fn claimable(&self) -> usize {
        match self.state {
            State::Trusting => usize::MAX,
            State::Ready(_) => 1,
            State::Waiting | State::Trying(_) => 0,
        }
    }

    /// Whether a suspect may be run, if nothing is beside it.
    pub(crate) fn may_try(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// Notes whether suspects were among the tasks that a claim gave.
    pub(crate) fn claimed(&mut self, any_suspect: bool) {
        let before = std::mem::replace(&mut self.state, State::Trusting);
        if any_suspect {
            self.state = match before {
                State::Ready(right) => State::Trying(right),
                _ => State::Waiting,
            };
        }
    }

    /// Notes that the lane holds no task any more, all being settled.
    pub(crate) fn holds_nothing(&mut self) {
        if matches!(self.state, State::Trying(_)) {
            self.state = State::Waiting;
        }
    }

    /// Waits for the right, where it is needed; for ever where it is not.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing but the place in the row.
    pub(crate) async fn right(&mut self) {
        if !matches!(self.state, State::Waiting) {
            return std::future::pending().await;
        }
        if let Ok(right) = Arc::clone(&self.court.0).acquire_owned().await {
            self.state = State::Ready(right);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{TaskId, Timestamp, backend::BatchId};

    #[test]
    fn a_task_is_suspect_when_one_more_crash_makes_it_poison() {
        let rules = Recovery { poison_after: 3 };
        let mut envelope = Envelope::new(TaskId::random(), Timestamp::from_millis(1), b"7");
        for suspect in [false, false, true, true] {
            assert_eq!(is_suspect(&Claimed::new(envelope.to_entry(), BatchId(1), 0), rules), suspect, "{envelope:?}");
            envelope = envelope.after_crash();
        }
        assert!(!is_suspect(&Claimed::new(b"{\"crashes\":9}".to_vec(), BatchId(1), 0), rules), "a bare payload");
    }

    /// A lane that has met suspects among others, and given them back.
    fn wary(court: &Court) -> Caution {
        let mut caution = Caution::new(court.clone());
        assert_eq!((caution.claimable(), caution.may_try()), (usize::MAX, false));
        caution.claimed(true);
        assert_eq!((caution.claimable(), caution.may_try()), (0, false));
        caution
    }

    #[test]
    fn one_lane_tries_one_suspect_at_a_time_and_they_take_turns() {
        let court = Court::new();
        let mut lanes = [wary(&court), wary(&court)];
        assert!(lanes[0].right().now_or_never().is_some());
        for _ in 0..3 {
            let [first, second] = &mut lanes;
            let mut turn = Box::pin(second.right());
            assert!((&mut turn).now_or_never().is_none(), "the first may claim a suspect");
            assert_eq!((first.claimable(), first.may_try()), (1, true));
            first.claimed(true);
            assert_eq!((first.claimable(), first.may_try()), (0, false));
            assert!((&mut turn).now_or_never().is_none(), "the first holds a suspect");
            first.holds_nothing();
            assert!(first.right().now_or_never().is_none(), "the second waits for longer");
            assert!(turn.now_or_never().is_some());
            lanes.reverse();
        }
    }

    #[test]
    fn a_lane_that_meets_no_suspect_any_more_claims_as_ever_and_leaves_the_right_to_others() {
        let court = Court::new();
        let mut lane = wary(&court);
        assert!(lane.right().now_or_never().is_some());
        lane.claimed(false);
        assert_eq!(lane.claimable(), usize::MAX);
        assert!(wary(&court).right().now_or_never().is_some());
        assert!(lane.right().now_or_never().is_none(), "it needs none");
    }

    #[test]
    fn a_lane_that_ends_leaves_the_right_to_others() {
        let court = Court::new();
        let mut lane = wary(&court);
        assert!(lane.right().now_or_never().is_some());
        lane.claimed(true);
        drop(lane);
        assert!(wary(&court).right().now_or_never().is_some());
    }
}
