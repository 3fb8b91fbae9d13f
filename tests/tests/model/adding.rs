//! The way in: tasks are enqueued, scheduled and promoted, and the queue is paused.

use std::time::Duration;

use proptest::prelude::*;
use redis_ext::{
    TaskId, Timestamp,
    backend::{Due, NewTask, Promoted, UniqueLock},
    task::Envelope,
};

use super::{
    machine::{Agreed, Machine},
    ops::{self, Form, Span, When},
    reference::{Newcomer, Time},
    task::Task,
    world::{World, about},
};

impl Machine {
    pub(crate) async fn add(&mut self, tasks: &[ops::NewTask], due: Option<When>, again: bool) -> Agreed {
        let (new, newcomers): (Vec<_>, Vec<_>) = tasks.iter().map(|task| self.new_task(task)).unzip();
        let due = due.map(|when| self.due(when));
        let lasting = |task: &ops::NewTask| task.unique.is_some_and(|(_, span)| span != Span::Moment);
        // A repeated call adds tasks without a lock twice or not, as the backend likes.
        let calls = if again && tasks.iter().all(lasting) { 2 } else { 1 };
        for _ in 0..calls {
            let World { backend, queue, .. } = &self.world;
            let answers = match due {
                None => backend.enqueue(queue, &new).await?,
                Some((due, _)) => backend.schedule(queue, &new, due).await?,
            };
            let expected = self.model.add(newcomers.clone(), due.map(|(_, time)| time));
            self.note("a duplicate was refused", expected.iter().any(|answer| answer.is_duplicate()));
            prop_assert_eq!(answers, expected);
        }
        Ok(())
    }

    fn new_task(&mut self, ops::NewTask { form, unique }: &ops::NewTask) -> (NewTask, Newcomer) {
        self.payloads += 1;
        let (id, number) = (TaskId::random(), self.payloads);
        let digest = unique.map(|(digest, _)| digest.to_string());
        let entry = match form {
            Form::Bare => number.to_string().into_bytes(),
            Form::NotJson => [b"not JSON \xff\n", number.to_string().as_bytes()].concat(),
            Form::UnknownVersion => format!("{{\"redis_ext\":9,\"n\":{number}}}").into_bytes(),
            Form::Envelope | Form::Crashed => {
                let payload = number.to_string();
                let mut envelope = Envelope::new(id, Timestamp::from_millis(number), payload.as_bytes());
                envelope.unique = digest.as_deref().map(Into::into);
                match form {
                    Form::Crashed => envelope.after_crash().to_entry(),
                    _ => envelope.to_entry(),
                }
            }
        };
        let mut newcomer = Newcomer { id, task: Task::read(&entry), unique: None };
        let mut task = NewTask::new(entry).with_id(id);
        if let (Some(digest), Some((_, span))) = (digest, *unique) {
            let (ttl, time) = self.last(span);
            newcomer.unique = Some((digest.clone(), time));
            task = task.unique(UniqueLock { digest, ttl });
        }
        (task, newcomer)
    }

    fn due(&mut self, when: When) -> (Due, Time) {
        let now = self.model.now;
        match when {
            When::LongAgo(millis) => (Due::At(Timestamp::from_millis(millis.into())), millis.into()),
            When::Now => (Due::In(Duration::ZERO), now),
            When::In(span) => {
                let (delay, time) = self.last(span);
                (Due::In(delay), now + time)
            }
            When::At(span) => {
                let (delay, time) = self.last(span);
                (Due::At(self.world.now().saturating_add(delay)), now + time)
            }
        }
    }

    pub(crate) async fn promote(&mut self, max: usize) -> Agreed {
        let max = self.model.clear_promotion(max);
        let Promoted { moved, next_due } = self.world.backend.promote(&self.world.queue, max).await?;
        let (expected, next) = self.model.promote(max);
        self.note("a task was promoted", expected > 0);
        prop_assert_eq!(moved, expected);
        match (next_due, next) {
            (None, None) => {}
            (Some(next_due), Some(0)) => prop_assert!(next_due.is_zero(), "the next is due now, not in {:?}", next_due),
            (Some(next_due), Some(next)) => prop_assert!(about(next_due, next), "{:?}, not {}", next_due, next),
            differ => prop_assert!(false, "the next is due: {:?}", differ),
        }
        Ok(())
    }

    pub(crate) async fn pause(&mut self, paused: bool) -> Agreed {
        let World { backend, queue, .. } = &self.world;
        match paused {
            true => backend.pause(queue).await?,
            false => backend.resume(queue).await?,
        }
        self.model.paused = paused;
        Ok(())
    }
}
