//! How often a handler may crash before its lane stops feeding it for a while.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::{Backoff, QueueName};

/// How many crashes of a handler (panics, actors that died) within which time are put up with. Past it, its lane begins
/// and claims nothing for a while: a handler that cannot work must not burn the attempts of a whole queue.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{HandlerOptions, worker::RestartBudget};
///
/// let strict = RestartBudget::new(3, Duration::from_secs(5));
/// let options = HandlerOptions::new(16).restart_budget(strict);
/// assert_ne!(options.restart_budget, RestartBudget::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestartBudget {
    /// The most crashes, per thread that runs the handler.
    pub restarts: usize,
    /// The time within which they are counted.
    pub window: Duration,
}

impl RestartBudget {
    /// [`restarts`](Self::restarts) unless told otherwise.
    pub const DEFAULT_RESTARTS: usize = 100;
    /// [`window`](Self::window) unless told otherwise.
    pub const DEFAULT_WINDOW: Duration = Duration::from_secs(10);
    /// The pause after the budget was exceeded once; it doubles each further time, up to half a minute.
    pub const BACKOFF: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30));

    /// So many crashes within so long a time.
    #[must_use]
    pub const fn new(restarts: usize, window: Duration) -> Self {
        Self { restarts, window }
    }
}

impl Default for RestartBudget {
    fn default() -> Self {
        Self::new(Self::DEFAULT_RESTARTS, Self::DEFAULT_WINDOW)
    }
}

/// The crashes of one lane's handler.
#[derive(Debug)]
pub(crate) struct Restarts {
    budget: RestartBudget,
    recent: VecDeque<Instant>,
    exceeded: u32,
    pause_until: Option<Instant>,
}

impl Restarts {
    pub(crate) fn new(budget: RestartBudget) -> Self {
        Self { budget, recent: VecDeque::new(), exceeded: 0, pause_until: None }
    }

    /// Notes a crash, and begins a pause when it was one too many.
    pub(crate) fn crashed(&mut self, queue: &QueueName) {
        let now = Instant::now();
        let window_began = now.checked_sub(self.budget.window);
        while self.recent.front().is_some_and(|&crash| window_began.is_some_and(|began| crash < began)) {
            self.recent.pop_front();
        }
        let quiet_from = self.pause_until.and_then(|until| until.checked_add(self.budget.window));
        if quiet_from.is_some_and(|from| from < now) {
            self.exceeded = 0;
        }
        self.recent.push_back(now);
        if self.recent.len() > self.budget.restarts {
            self.recent.clear();
            self.exceeded = self.exceeded.saturating_add(1);
            let pause = RestartBudget::BACKOFF.delay_after(self.exceeded);
            self.pause_until = Some(now + pause);
            let RestartBudget { restarts, window } = self.budget;
            tracing::error!(%queue, ?pause, "the handler crashed more than {restarts} times in {window:?}: claiming nothing for a while");
        }
    }

    /// The end of the pause, if there is one.
    pub(crate) fn pause_until(&self) -> Option<Instant> {
        self.pause_until.filter(|&until| until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueName = QueueName::from_static("q");
    const BUDGET: RestartBudget = RestartBudget { restarts: 3, window: Duration::from_secs(10) };

    #[tokio::test(start_paused = true)]
    async fn crashes_within_the_budget_are_put_up_with() {
        let mut restarts = Restarts::new(BUDGET);
        for _ in 0..50 {
            restarts.crashed(&QUEUE);
            assert_eq!(restarts.pause_until(), None);
            tokio::time::advance(Duration::from_secs(4)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_may_be_for_all_time() {
        let mut restarts = Restarts::new(RestartBudget { restarts: 3, window: Duration::MAX });
        for _ in 0..8 {
            restarts.crashed(&QUEUE);
        }
        assert!(restarts.pause_until().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_begins_a_pause_and_the_next_is_longer() {
        let mut restarts = Restarts::new(BUDGET);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            for _ in 0..4 {
                restarts.crashed(&QUEUE);
            }
            let until = restarts.pause_until().unwrap();
            pauses.push(until - Instant::now());
            tokio::time::sleep_until(until).await;
            assert_eq!(restarts.pause_until(), None);
        }
        // Each is spread over the upper half of its step: 1, 2 and 4 seconds.
        assert!(pauses[0] < pauses[1] + Duration::from_millis(1) && pauses[2] >= Duration::from_secs(2), "{pauses:?}");
    }
}
