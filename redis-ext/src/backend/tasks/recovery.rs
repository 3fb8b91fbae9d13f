//! What becomes of the tasks of workers that died: the rules of every backend's `recover`.

use super::{DeadLetter, DeathReason};
use crate::task::Envelope;

/// The rules of recovery.
///
/// # Examples
/// ```
/// use redis_ext::{backend::Recovery, prelude::*};
/// # use redis_ext_memory::MemoryBackend;
///
/// let patient = WorkerSupervisor::builder(MemoryBackend::new()).recovery(Recovery::default().poison_after(10));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// A task whose worker died this many times while it held the task, running or about to run, goes to the dead
    /// letters. Workers run a task on its last chance with nothing beside it in its queue for half a minute, and one
    /// such task at a time, so that its neighbours are not taken for the culprit.
    pub poison_after: u32,
}

impl Recovery {
    /// [`poison_after`](Self::poison_after) unless told otherwise.
    pub const DEFAULT_POISON_AFTER: u32 = 3;

    /// Sets [`poison_after`](Self::poison_after); with 0 it is the first crash, as with 1.
    #[must_use]
    pub fn poison_after(mut self, crashes: u32) -> Self {
        self.poison_after = crashes;
        self
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self { poison_after: Self::DEFAULT_POISON_AFTER }
    }
}

/// What [`TaskBackend::recover`](super::TaskBackend::recover) did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many tasks went back to the queue.
    pub requeued: usize,
    /// How many went to the dead letters as poison.
    pub buried: usize,
    /// Whether there is more to recover.
    pub more: bool,
}

/// The fate of a task whose worker died holding it; see [`Recovery::judge`].
///
/// # Examples
/// See [`Recovery::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crashed {
    /// Back to the head of the queue, as this entry.
    Requeue(Vec<u8>),
    /// To the dead letters: it is poison.
    Bury {
        /// What is kept of it.
        letter: DeadLetter,
        /// The digest of the unique lock to release, if the task still holds it.
        unlock: Option<String>,
    },
}

impl Recovery {
    /// What becomes of the claimed task `entry` now that its worker is dead; for backends.
    ///
    /// One more attempt and one more crash are counted in its envelope, which a bare JSON payload gets here. What
    /// cannot hold a count goes back unchanged, and who claims it next finds out that it cannot be read.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{backend::{Crashed, Recovery}, task::Envelope};
    ///
    /// let rules = Recovery::default().poison_after(2);
    /// let Crashed::Requeue(once) = rules.judge(b"{}".to_vec()) else { panic!("one crash is not enough") };
    /// assert_eq!(Envelope::parse(&once)?.crashes, 1);
    /// assert!(matches!(rules.judge(once), Crashed::Bury { letter, .. } if letter.attempts == 2));
    /// # Ok::<(), redis_ext::task::EnvelopeError>(())
    /// ```
    #[must_use]
    pub fn judge(&self, entry: Vec<u8>) -> Crashed {
        let crashed = match Envelope::parse(&entry) {
            Ok(envelope) => envelope.after_crash(),
            Err(_unreadable) => return Crashed::Requeue(entry),
        };
        let rewritten = crashed.to_entry();
        if crashed.crashes < self.poison_after || rewritten == entry {
            return Crashed::Requeue(rewritten);
        }
        let error = format!("its worker died {} times while it ran", crashed.crashes);
        let letter = DeadLetter::new(crashed.id, DeathReason::Poison, vec![error], crashed.untried().to_entry())
            .with_history(crashed.attempt, crashed.enqueued_at);
        Crashed::Bury { letter, unlock: crashed.unique.map(Into::into) }
    }
}
