//! The dead letters of one queue, in the order of death, and by the ID of their task.

use std::collections::{BTreeMap, HashMap};

use redis_ext::{
    TaskId, Timestamp,
    backend::{DeadLetter, DeadLetters, MAX_BATCH, Page, Retention, Selection},
};

#[derive(Debug, Default)]
pub(crate) struct DeadLetterBook {
    letters: BTreeMap<u64, DeadLetter>,
    places: HashMap<TaskId, u64>,
    next_place: u64,
    bytes: usize,
}

impl DeadLetterBook {
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Adds a letter; it takes the place of an older one of the same task.
    pub(crate) fn add(&mut self, mut letter: DeadLetter, now: Timestamp) {
        self.remove(letter.id);
        self.bytes += size_of(&letter);
        self.places.insert(letter.id, self.next_place);
        letter.died_at = now;
        self.letters.insert(self.next_place, letter);
        self.next_place += 1;
    }

    pub(crate) fn page(&self, page: Page) -> DeadLetters {
        let latest_first = self.letters.values().rev();
        let letters = latest_first.skip(page.offset).take(page.limit.min(MAX_BATCH)).cloned().collect();
        DeadLetters { letters, total: self.len() }
    }

    /// Takes letters out: all of them the oldest first, or those asked for in the order of the question.
    pub(crate) fn take(&mut self, which: &Selection) -> Vec<DeadLetter> {
        match which {
            Selection::Ids(ids) => ids.iter().filter_map(|&id| self.remove(id)).collect(),
            Selection::All => {
                self.places.clear();
                self.bytes = 0;
                std::mem::take(&mut self.letters).into_values().collect()
            }
        }
    }

    pub(crate) fn trim(&mut self, retention: &Retention, now: Timestamp) -> usize {
        let mut trimmed = 0;
        while trimmed < MAX_BATCH
            && let Some(oldest) = self.letters.first_entry()
            && (self.places.len() > retention.count
                || self.bytes > retention.bytes
                || now.saturating_since(oldest.get().died_at) > retention.age)
        {
            let id = oldest.get().id;
            self.remove(id);
            trimmed += 1;
        }
        trimmed
    }

    fn remove(&mut self, id: TaskId) -> Option<DeadLetter> {
        let letter = self.letters.remove(&self.places.remove(&id)?)?;
        self.bytes -= size_of(&letter);
        Some(letter)
    }
}

/// What [`Retention::bytes`] counts of a letter.
fn size_of(letter: &DeadLetter) -> usize {
    letter.entry.len() + letter.errors.iter().map(String::len).sum::<usize>()
}
