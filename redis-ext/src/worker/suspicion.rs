//! Tasks that are one crash short of poison: each is tried alone, so that no task is buried for what its neighbour did.
//!
//! A crash counts against everything that the dead worker held, as nobody knows which task killed it. A task on its last
//! chance is therefore claimed and run with nothing beside it in its lane; and as a crash takes the whole process along,
//! the lanes of a supervisor try one at a time. If that process dies as well, it was this task.
//!
//! Nobody waits for ever for that: neither for solitude nor for its end, but [`PATIENCE`] at most.

use std::{sync::Arc, sync::LazyLock, time::Duration};

use memchr::memmem::Finder;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    backend::{Claimed, Recovery},
    task::Envelope,
};

/// How long a lane waits until it can try a suspect alone, and how long the suspect then runs alone at most: what kills
/// its worker does so early, as a rule, and a long task must not hold up others for longer.
const PATIENCE: Duration = Duration::from_secs(30);

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
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// How a lane takes tasks: as many as it has room for, or, once it has met a suspect, one by one.
#[derive(Debug)]
pub(crate) struct Caution {
    court: Court,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No suspect was among the latest tasks.
    Trusting,
    /// The next task may be a suspect, and another lane may be trying one, or this lane still runs others.
    Waiting { since: Instant },
    /// The next task may be claimed alone: with the right to try it, or without solitude, as patience is at its end.
    Ready { since: Instant, right: Option<OwnedSemaphorePermit> },
    /// A suspect runs alone. The right is kept until it is settled.
    Trying { since: Instant, _right: OwnedSemaphorePermit },
}

impl Caution {
    pub(crate) fn new(court: Court) -> Self {
        Self { court, state: State::Trusting }
    }

    /// How many tasks may be claimed at all, by a lane that has none (`idle`) or some.
    pub(crate) fn claimable(&self, idle: bool) -> usize {
        match &self.state {
            State::Trusting => usize::MAX,
            State::Ready { right, .. } => usize::from(idle || right.is_none()),
            State::Waiting { .. } | State::Trying { .. } => 0,
        }
    }

    /// Whether a suspect may be run that was claimed with nothing beside it (`alone`), or not.
    pub(crate) fn may_try(&self, alone: bool) -> bool {
        matches!(&self.state, State::Ready { right, .. } if alone || right.is_none())
    }

    /// Notes whether suspects were among the tasks that a claim gave.
    pub(crate) fn claimed(&mut self, any_suspect: bool) {
        let before = std::mem::replace(&mut self.state, State::Trusting);
        if any_suspect {
            let since = Instant::now();
            self.state = match before {
                State::Ready { right: Some(right), .. } => State::Trying { since, _right: right },
                State::Ready { right: None, .. } => State::Trusting,
                _ => State::Waiting { since },
            };
        }
    }

    /// Notes that the lane holds no task any more, all being settled.
    pub(crate) fn holds_nothing(&mut self) {
        if matches!(self.state, State::Trying { .. }) {
            self.state = State::Waiting { since: Instant::now() };
        }
    }

    /// Waits until more may be claimed than now: the right is there, which only an idle lane asks for, or patience has
    /// come to its end. Waits for ever where nothing is waited for.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing but the place in the row.
    pub(crate) async fn turn(&mut self, idle: bool) {
        match &self.state {
            State::Trusting => std::future::pending().await,
            State::Waiting { since } => {
                let end = *since + PATIENCE;
                let right = if idle {
                    timeout_at(end, Arc::clone(&self.court.0).acquire_owned()).await.ok().and_then(Result::ok)
                } else {
                    sleep_until(end).await;
                    None
                };
                self.state = State::Ready { since: Instant::now(), right };
            }
            State::Ready { since, .. } | State::Trying { since, .. } => {
                sleep_until(*since + PATIENCE).await;
                self.state = State::Trusting;
            }
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
        assert_eq!((caution.claimable(true), caution.may_try(true)), (usize::MAX, false));
        caution.claimed(true);
        assert_eq!((caution.claimable(true), caution.may_try(true)), (0, false));
        caution
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_tries_one_suspect_at_a_time_and_they_take_turns() {
        let court = Court::new();
        let mut lanes = [wary(&court), wary(&court)];
        assert!(lanes[0].turn(true).now_or_never().is_some());
        for _ in 0..3 {
            let [first, second] = &mut lanes;
            let mut turn = Box::pin(second.turn(true));
            assert!((&mut turn).now_or_never().is_none(), "the first may claim a suspect");
            assert_eq!((first.claimable(true), first.may_try(true)), (1, true));
            assert_eq!((first.claimable(false), first.may_try(false)), (0, false), "not beside others");
            first.claimed(true);
            assert_eq!((first.claimable(true), first.may_try(true)), (0, false));
            assert!((&mut turn).now_or_never().is_none(), "the first holds a suspect");
            first.holds_nothing();
            assert!(first.turn(true).now_or_never().is_none(), "the second waits for longer");
            assert!(turn.now_or_never().is_some());
            lanes.reverse();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_meets_no_suspect_any_more_claims_as_ever_and_leaves_the_right_to_others() {
        let court = Court::new();
        let mut lane = wary(&court);
        assert!(lane.turn(true).now_or_never().is_some());
        lane.claimed(false);
        assert_eq!(lane.claimable(false), usize::MAX);
        assert!(wary(&court).turn(true).now_or_never().is_some());
        assert!(lane.turn(true).now_or_never().is_none(), "it needs none");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_ends_leaves_the_right_to_others() {
        let court = Court::new();
        let mut lane = wary(&court);
        assert!(lane.turn(true).now_or_never().is_some());
        lane.claimed(true);
        drop(lane);
        assert!(wary(&court).turn(true).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_takes_its_suspect_beside_others_once_its_patience_is_at_an_end() {
        let court = Court::new();
        let (mut busy, mut second) = (wary(&court), wary(&court));
        assert!(second.turn(true).now_or_never().is_some(), "a busy lane does not take the right");
        second.claimed(true);
        let begun = Instant::now();
        busy.turn(false).await;
        assert_eq!((busy.claimable(false), busy.may_try(false), begun.elapsed()), (1, true, PATIENCE));
        busy.claimed(true);
        assert_eq!(busy.claimable(false), usize::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_that_runs_for_long_holds_up_nobody_for_longer_than_patience() {
        let court = Court::new();
        let (mut first, mut second) = (wary(&court), wary(&court));
        assert!(first.turn(true).now_or_never().is_some());
        first.claimed(true);
        let begun = Instant::now();
        first.turn(false).await;
        assert_eq!((first.claimable(false), begun.elapsed()), (usize::MAX, PATIENCE));
        assert!(second.turn(true).now_or_never().is_some());
    }
}
