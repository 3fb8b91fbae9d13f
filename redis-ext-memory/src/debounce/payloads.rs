//! The payloads of one firing, as their rule keeps them.

use redis_ext::{
    TaskId,
    backend::{PayloadRule, Trigger},
};

#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    rule: PayloadRule,
    items: Vec<(TaskId, Vec<u8>)>,
}

/// What one more payload does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Fits,
    /// It is the last one that fits.
    Fills,
    /// It does not fit, and is not added.
    Refused,
}

impl Payloads {
    pub(crate) fn new(rule: PayloadRule) -> Self {
        Self { rule, items: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn to_vecs(&self) -> Vec<Vec<u8>> {
        self.items.iter().map(|(_, payload)| payload.clone()).collect()
    }

    /// Adds the payload of a trigger, if it has one, while `active` payloads of the same member are being handled.
    pub(crate) fn add(&mut self, trigger: &Trigger, rule: PayloadRule, active: usize) -> Added {
        let Some(payload) = &trigger.payload else { return Added::Fits };
        let item = (trigger.id, payload.clone());
        self.rule = rule;
        match rule {
            PayloadRule::First if !self.items.is_empty() => {}
            PayloadRule::Accumulate { max_count, max_bytes } => {
                if self.items.contains(&item) {
                    return Added::Fits;
                }
                let count = self.items.len() + 1;
                let bytes: usize = self.items.iter().map(|(_, payload)| payload.len()).sum();
                let is_first = self.items.is_empty();
                if !is_first
                    && (count > max_count || count + active > 2 * max_count || bytes + payload.len() > max_bytes)
                {
                    return Added::Refused;
                }
                self.items.push(item);
                return if count >= max_count { Added::Fills } else { Added::Fits };
            }
            _ => self.items = vec![item],
        }
        Added::Fits
    }

    /// What came meanwhile joins these.
    pub(crate) fn merge(&mut self, newer: Self) {
        if self.items.is_empty() {
            *self = newer;
        } else if !newer.items.is_empty() {
            match newer.rule {
                PayloadRule::First => {}
                PayloadRule::Accumulate { .. } => self.items.extend(newer.items),
                _ => *self = newer,
            }
        }
    }
}
