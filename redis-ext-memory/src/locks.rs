//! The unique locks of one queue: who holds which content, and until when.

use std::collections::HashMap;

use redis_ext::{TaskId, Timestamp, backend::UniqueLock};

/// Below this many locks, expired ones are not worth a search.
const PURGE_FROM: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: HashMap<String, Held>,
    purge_at: usize,
}

#[derive(Debug)]
struct Held {
    by: TaskId,
    until: Timestamp,
}

impl Locks {
    /// Takes `lock` for the task `id`, or names the task that holds it already.
    pub(crate) fn acquire(&mut self, lock: &UniqueLock, id: TaskId, now: Timestamp) -> Result<(), TaskId> {
        if let Some(held) = self.held.get(&lock.digest)
            && held.until > now
        {
            return Err(held.by);
        }
        self.purge(now);
        self.held.insert(lock.digest.clone(), Held { by: id, until: now.saturating_add(lock.ttl) });
        Ok(())
    }

    /// Releases the lock `digest` if the task `id` holds it.
    pub(crate) fn release(&mut self, digest: &str, id: TaskId) {
        if self.held.get(digest).is_some_and(|held| held.by == id) {
            self.held.remove(digest);
        }
    }

    /// Forgets expired locks each time the number of locks has doubled, which makes it cheap per lock.
    fn purge(&mut self, now: Timestamp) {
        if self.held.len() >= self.purge_at.max(PURGE_FROM) {
            self.held.retain(|_, held| held.until > now);
            self.purge_at = self.held.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn locks_that_nobody_released_do_not_pile_up() {
        let mut locks = Locks::default();
        for millis in 0..10_000 {
            let lock = UniqueLock { digest: millis.to_string(), ttl: Duration::from_millis(10) };
            assert_eq!(locks.acquire(&lock, TaskId::random(), Timestamp::from_millis(millis)), Ok(()));
        }
        assert!(locks.held.len() <= PURGE_FROM, "{}", locks.held.len());
    }
}
