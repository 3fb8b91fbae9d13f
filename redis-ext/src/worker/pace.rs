//! How fast a lane finishes tasks, and so how much work it may hold ahead.

use std::time::Duration;

use tokio::time::Instant;

use super::HandlerOptions;

/// The shortest time over which a rate is measured.
const WINDOW: Duration = Duration::from_millis(5);

/// A moving average of the tasks finished per second.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: f64,
    finished: usize,
    window_began: Instant,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { per_second: 0.0, finished: 0, window_began: Instant::now() }
    }

    pub(crate) fn finished(&mut self, tasks: usize) {
        self.finished += tasks;
        let now = Instant::now();
        let window = now - self.window_began;
        if window >= WINDOW {
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
            let rate = self.finished as f64 / window.as_secs_f64();
            // Half old, half new: a change of pace is believed after a few windows.
            self.per_second = f64::midpoint(self.per_second, rate);
            self.finished = 0;
            self.window_began = now;
        }
    }

    /// How many tasks are finished in [`HandlerOptions::PREFETCH_AHEAD`] at this pace, and `limit` at most.
    pub(crate) fn ahead(&self, limit: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        let ahead = (self.per_second * HandlerOptions::PREFETCH_AHEAD.as_secs_f64()) as usize;
        ahead.min(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pace_of(tasks: usize, every: Duration, times: usize) -> Pace {
        let mut pace = Pace::new();
        for _ in 0..times {
            tokio::time::advance(every).await;
            pace.finished(tasks);
        }
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn slow_tasks_are_not_claimed_ahead() {
        let pace = pace_of(1, Duration::from_secs(1), 20).await;
        assert_eq!(pace.ahead(512), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn fast_tasks_are_claimed_twenty_milliseconds_ahead() {
        let pace = pace_of(100, Duration::from_millis(10), 20).await;
        assert!((190..=200).contains(&pace.ahead(512)), "{}", pace.ahead(512));
        assert_eq!(pace.ahead(50), 50);
    }
}
