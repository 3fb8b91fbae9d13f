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
            let latest = rate(self.finished, window);
            // Half old, half new: a faster pace is believed after a few windows, and a slower one after a long window.
            let believed = if window > HandlerOptions::PREFETCH_AHEAD { latest } else { self.per_second };
            self.per_second = f64::midpoint(believed.min(self.per_second), latest);
            self.finished = 0;
            self.window_began = now;
        }
    }

    /// How many tasks are finished in [`HandlerOptions::PREFETCH_AHEAD`] at this pace, and `limit` at most.
    pub(crate) fn ahead(&self, limit: usize) -> usize {
        let ahead = HandlerOptions::PREFETCH_AHEAD;
        let silence = self.window_began.elapsed();
        // Where nothing has finished for longer than that, the past says nothing about the tasks of today.
        let pace = if silence > ahead { self.per_second.min(rate(self.finished, silence)) } else { self.per_second };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        let tasks = (pace * ahead.as_secs_f64()) as usize;
        tasks.min(limit)
    }
}

fn rate(tasks: usize, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    let tasks = tasks as f64;
    tasks / time.as_secs_f64()
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

    #[tokio::test(start_paused = true)]
    async fn nothing_is_claimed_ahead_once_tasks_have_become_slow() {
        let mut pace = pace_of(100, Duration::from_millis(10), 20).await;
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(pace.ahead(512), 0);
        pace.finished(1);
        assert_eq!(pace.ahead(512), 0);
    }
}
