//! A task as the model knows it: what can be read in its entry.

use redis_ext::{TaskId, Timestamp, backend::DeathReason, task::Envelope};

use super::reference::Time;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// Its bytes, escaped: every task has a payload of its own.
    pub(crate) payload: String,
    /// What stands around the payload; none around a bare one.
    pub(crate) envelope: Option<Header>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Unknown for a bare task whose envelope a recovery has just made up.
    pub(crate) id: Option<TaskId>,
    pub(crate) enqueued_at: Option<Timestamp>,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) unique: Option<String>,
}

impl Task {
    pub(crate) fn read(entry: &[u8]) -> Self {
        match Envelope::parse(entry) {
            Ok(read) if !read.is_bare() => Self {
                payload: read.payload().escape_ascii().to_string(),
                envelope: Some(Header {
                    id: Some(read.id),
                    enqueued_at: read.enqueued_at,
                    attempt: read.attempt,
                    crashes: read.crashes,
                    unique: read.unique.as_deref().map(str::to_owned),
                }),
            },
            _bare_or_unreadable => Self { payload: entry.escape_ascii().to_string(), envelope: None },
        }
    }

    /// After the death of its worker.
    pub(crate) fn crashed(mut self) -> Self {
        let is_number = self.is_number();
        match &mut self.envelope {
            Some(header) => {
                header.attempt += 1;
                header.crashes += 1;
            }
            None if is_number => {
                let header = Header { id: None, enqueued_at: None, attempt: 1, crashes: 1, unique: None };
                self.envelope = Some(header);
            }
            None => {}
        }
        self
    }

    /// Of the entries without a readable envelope, only numbers have a place in one.
    pub(crate) fn is_number(&self) -> bool {
        self.payload.parse::<u64>().is_ok()
    }

    /// As if it had never been run.
    pub(crate) fn untried(mut self) -> Self {
        if let Some(header) = &mut self.envelope {
            (header.attempt, header.crashes) = (0, 0);
        }
        self
    }

    /// Whether this may be what was `read`: the same but for an ID that is not known yet.
    pub(crate) fn may_be(&self, read: &Self) -> bool {
        let mut known = self.clone();
        if let (Some(header), Some(read)) = (&mut known.envelope, &read.envelope) {
            header.id = header.id.or(read.id);
        }
        known == *read
    }
}

/// A dead letter as the model knows it.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) id: TaskId,
    pub(crate) reason: DeathReason,
    pub(crate) attempts: u32,
    pub(crate) enqueued_at: Option<Timestamp>,
    pub(crate) task: Task,
    pub(crate) died: Time,
    /// Which operation brought it: those of one have no order among them.
    pub(crate) operation: u64,
}
