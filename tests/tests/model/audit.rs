//! What the queue holds is compared: its numbers after every operation, its dead letters, and in the end everything.

use std::collections::HashSet;

use proptest::prelude::*;
use redis_ext::{
    TaskId,
    backend::{DeadLetter, DeathReason, MAX_BATCH, Page, QueueStats, Retention, Selection},
};

use super::{
    machine::{Agreed, Machine},
    ops::{Choice, Span, WORKERS},
    task::{Letter, Task},
    world::about,
};

impl Machine {
    pub(crate) async fn compare_counts(&mut self) -> Agreed {
        let stats = self.world.backend.inspect(&self.world.queue).await?;
        let QueueStats { ready, claimed, scheduled, dead, workers, paused, .. } = stats;
        prop_assert_eq!([ready, claimed, scheduled, dead, workers], self.model.counts());
        prop_assert_eq!(paused, self.model.paused);
        Ok(())
    }

    pub(crate) async fn replay(&mut self, choice: &Choice) -> Agreed {
        let (which, ids) = self.chosen(choice);
        let replayed = self.world.backend.replay(&self.world.queue, &which).await?;
        let expected = self.model.replay(|letter| ids.contains(&letter.id));
        self.note("a dead letter was replayed", expected > 0);
        prop_assert_eq!(replayed, expected);
        Ok(())
    }

    pub(crate) async fn delete_dead(&mut self, choice: &Choice) -> Agreed {
        let (which, ids) = self.chosen(choice);
        let deleted = self.world.backend.delete_dead(&self.world.queue, &which).await?;
        let expected = self.model.delete_dead(|letter| ids.contains(&letter.id));
        self.note("a dead letter was deleted", expected > 0);
        prop_assert_eq!(deleted, expected);
        Ok(())
    }

    fn chosen(&self, choice: &Choice) -> (Selection, HashSet<TaskId>) {
        let all: Vec<_> = self.model.dead.iter().map(|letter| letter.id).collect();
        match choice {
            Choice::All => (Selection::All, all.into_iter().collect()),
            Choice::Some(places) => {
                let places = places.iter().filter(|_| !all.is_empty());
                let mut ids: Vec<_> = places.map(|place| all[place % all.len()]).collect();
                ids.push(TaskId::random());
                (Selection::Ids(ids.clone()), ids.into_iter().collect())
            }
        }
    }

    /// The bytes of a letter are counted as each backend likes, so they are bounded by none or by zero.
    pub(crate) async fn trim_dead(&mut self, count: usize, age: Span, empty: bool) -> Agreed {
        let count = if empty { 0 } else { self.model.clear_bound(count) };
        let bytes = if empty { 0 } else { usize::MAX };
        let (age, time) = self.last(age);
        let bounds = Retention::default().count(if empty { usize::MAX } else { count }).age(age).bytes(bytes);
        let trimmed = self.world.backend.trim_dead(&self.world.queue, &bounds).await?;
        let expected = self.model.trim_dead(count, time);
        self.note("a dead letter was over the bounds", expected > 0);
        prop_assert_eq!(trimmed, expected);
        Ok(())
    }

    pub(crate) async fn dead_letters(&mut self, offset: usize, limit: usize) -> Agreed {
        let page =
            self.world.backend.dead_letters(&self.world.queue, Page::default().offset(offset).limit(limit)).await?;
        let latest_first: Vec<_> = self.model.dead.iter().rev().cloned().collect();
        let expected = latest_first.iter().skip(offset).take(limit);
        prop_assert_eq!((page.total, page.letters.len()), (latest_first.len(), expected.len()));
        self.note("a page of dead letters was not empty", !page.letters.is_empty());
        let mut seen = HashSet::new();
        for (read, in_its_place) in page.letters.iter().zip(expected) {
            prop_assert!(seen.insert(read.id), "{:?} is listed twice", read.id);
            let known = latest_first.iter().find(|letter| letter.id == read.id);
            let Some(known) = known else { return Err(TestCaseError::fail(format!("{read:?} is not dead"))) };
            prop_assert_eq!(known.operation, in_its_place.operation, "{:?} is not the next", read);
            self.compare_letter(read, known)?;
        }
        Ok(())
    }

    fn compare_letter(&self, read: &DeadLetter, known: &Letter) -> Agreed {
        prop_assert_eq!((read.reason, read.attempts), (known.reason, known.attempts));
        prop_assert_eq!(read.enqueued_at, known.enqueued_at);
        prop_assert_eq!(Task::read(&read.entry), known.task.clone());
        match read.reason {
            // What a backend says of it is its own.
            DeathReason::Poison => prop_assert!(!read.errors.is_empty()),
            _ => prop_assert_eq!(&read.errors, &["it broke"]),
        }
        let ago = self.world.now().saturating_since(read.died_at);
        prop_assert!(about(ago, self.model.now - known.died), "it died {:?} ago, not {}", ago, known.died);
        Ok(())
    }

    /// Lets all that the queue holds come out and compares it.
    pub(crate) async fn finish(&mut self) -> Agreed {
        self.dead_letters(0, MAX_BATCH).await?;
        self.pause(false).await?;
        for worker in 0..WORKERS {
            self.leave(worker).await?;
        }
        self.pass(12).await;
        self.promote(MAX_BATCH).await?;
        self.join(0, Span::HoursAndAHalf(1)).await?;
        self.claim(0, MAX_BATCH).await?;
        self.compare_counts().await?;
        prop_assert_eq!((self.model.ready(), self.model.scheduled.len()), (0, 0), "something was left");
        Ok(())
    }
}
