//! What became of the mails: live while they are sent, and in the end.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use indicatif::{ProgressBar, ProgressStyle};
use redis_ext::{
    Enqueued, TaskId,
    backend::{MAX_BATCH, Page},
    prelude::*,
};

use crate::Email;

/// Counts as the mailers report.
pub(crate) struct Tally {
    bar: ProgressBar,
    delivered: AtomicUsize,
    late: AtomicUsize,
    retries: AtomicUsize,
}

impl Tally {
    pub(crate) fn new(mails: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} mails, {elapsed}, {msg}");
        let bar = ProgressBar::new(mails as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, delivered: AtomicUsize::new(0), late: AtomicUsize::new(0), retries: AtomicUsize::new(0) }
    }

    /// Counts an attempt.
    pub(crate) fn count(&self, email: &Task<Email>, outcome: &Result<(), TaskError>) {
        match outcome {
            Ok(()) => {
                self.delivered.fetch_add(1, Relaxed);
                self.late.fetch_add(usize::from(email.attempt() > 1), Relaxed);
            }
            Err(error) if !error.is_fatal() && !email.is_last_attempt() => {
                let retries = self.retries.fetch_add(1, Relaxed) + 1;
                return self.bar.set_message(format!("{retries} retries"));
            }
            Err(_) => {}
        }
        self.bar.inc(1);
        // Where no bar can be drawn, as in the log of a build.
        if self.bar.is_hidden() && self.bar.position().is_multiple_of(50) {
            println!("{} of {:?} mails", self.bar.position(), self.bar.length().unwrap_or_default());
        }
    }

    /// Prints the totals, and the dead letters among the tasks of this run.
    pub(crate) async fn print(&self, emails: &Queue, enqueued: &[Enqueued]) -> Result<(), redis_ext::Error> {
        self.bar.finish_and_clear();
        let ours: HashSet<TaskId> = enqueued.iter().map(|task| task.id()).collect();
        let dead = emails.dead_letters(Page::default().limit(MAX_BATCH)).await?;
        let (new, old): (Vec<_>, Vec<_>) = dead.letters.iter().partition(|letter| ours.contains(&letter.id));

        let doubles = enqueued.iter().filter(|task| task.is_duplicate()).count();
        println!("enqueued   {:>4}, and {doubles} not, as the same mail was pending", enqueued.len() - doubles);
        println!("delivered  {:>4}, {} of them not at the first attempt", get(&self.delivered), get(&self.late));
        println!("retried    {:>4} times", get(&self.retries));
        println!("dead       {:>4}, beside {} dead letters of earlier runs", new.len(), old.len());
        for letter in new {
            println!("                {:?}, attempt {}: {}", letter.reason, letter.attempts, letter.errors.join(": "));
        }
        Ok(())
    }
}

fn get(count: &AtomicUsize) -> usize {
    count.load(Relaxed)
}
