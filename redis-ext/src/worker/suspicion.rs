//! Tasks that are one crash short of poison: each is run alone, so that no task is buried for what its neighbour did.
//!
//! A crash counts against everything that the dead worker held, as nobody knows which task killed it. A task on its last
//! chance is therefore claimed and run with nothing beside it: if that worker dies as well, it was this task.

use crate::{
    backend::{Claimed, Recovery},
    task::Envelope,
};

/// Whether the next death of its worker makes this task poison.
pub(crate) fn is_suspect(task: &Claimed, rules: Recovery) -> bool {
    const MARK: &[u8] = b"\"crashes\"";
    memchr::memmem::find(task.entry(), MARK).is_some()
        && Envelope::parse(task.entry())
            .is_ok_and(|envelope| envelope.crashes > 0 && envelope.crashes.saturating_add(1) >= rules.poison_after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TaskId, Timestamp, backend::BatchId};

    #[test]
    fn a_task_is_suspect_when_one_more_crash_makes_it_poison() {
        let rules = Recovery { poison_after: 3 };
        let mut envelope = Envelope::new(TaskId::random(), Timestamp::from_millis(1), b"7");
        for suspect in [false, false, true, true] {
            assert_eq!(is_suspect(&Claimed::new(envelope.to_entry(), BatchId(1), 0), rules), suspect, "{envelope:?}");
            envelope = envelope.after_crash();
        }
        assert!(!is_suspect(&Claimed::new(b"{\"crashes\":9}".to_vec(), BatchId(1), 0), rules), "a bare payload");
    }
}
