//! The cancelled tasks of one queue, each with the time until which that is kept.

use std::collections::HashMap;

use redis_ext::{TaskId, Timestamp, backend::CANCELLATION_RETENTION};

#[derive(Debug, Default)]
pub(crate) struct Cancellations {
    marks: HashMap<TaskId, Timestamp>,
}

impl Cancellations {
    /// Marks tasks. A mark must outlive what it stands for, so its time counts from `last_due`, the last due time of
    /// all scheduled tasks. Marks that have expired are forgotten here.
    pub(crate) fn add(&mut self, ids: &[TaskId], now: Timestamp, last_due: Option<Timestamp>) {
        self.marks.retain(|_, until| *until > now);
        let until = last_due.map_or(now, |due| due.max(now)).saturating_add(CANCELLATION_RETENTION);
        for &id in ids {
            let mark = self.marks.entry(id).or_insert(until);
            *mark = until.max(*mark);
        }
    }

    pub(crate) fn are_any(&self) -> bool {
        !self.marks.is_empty()
    }

    pub(crate) fn among(&self, ids: &[TaskId]) -> Vec<TaskId> {
        ids.iter().copied().filter(|id| self.marks.contains_key(id)).collect()
    }

    pub(crate) fn remove(&mut self, id: TaskId) {
        self.marks.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_mark_outlives_the_last_scheduled_task_and_is_forgotten_in_the_end() {
        let mut cancellations = Cancellations::default();
        let (id, other) = (TaskId::random(), TaskId::random());
        let (begin, due) =
            (Timestamp::from_millis(0), Timestamp::from_millis(0).saturating_add(CANCELLATION_RETENTION));
        cancellations.add(&[id], begin, Some(due));
        // A repetition, when nothing is scheduled any more, does not shorten it.
        cancellations.add(&[id], begin, None);
        cancellations.add(&[other], due, None);
        assert_eq!(cancellations.among(&[id, other]), [id, other]);
        cancellations.add(&[], due.saturating_add(CANCELLATION_RETENTION - Duration::from_millis(1)), None);
        assert!(cancellations.are_any());
        cancellations.add(&[], due.saturating_add(CANCELLATION_RETENTION), None);
        assert!(!cancellations.are_any());
    }
}
