//! What one worker incarnation has claimed from a queue, batch by batch, and how long its lease lasts.

use std::collections::{BTreeMap, btree_map::Entry};

use redis_ext::{
    Timestamp,
    backend::{BatchId, Receipt},
};

#[derive(Debug, Default)]
pub(crate) struct Incarnation {
    pub(crate) expires: Timestamp,
    /// Set by the first step of a recovery: from then on the lease cannot come back to life.
    pub(crate) recovering: bool,
    batches: BTreeMap<BatchId, Batch>,
    latest: Option<BatchId>,
    unsettled: usize,
}

/// The tasks of a batch that are not settled, each at its place. An empty batch is not kept.
type Batch = BTreeMap<usize, Vec<u8>>;

impl Incarnation {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }

    /// How many tasks it has claimed and not settled.
    pub(crate) fn len(&self) -> usize {
        self.unsettled
    }

    /// Whether a claim under this ID is a new one, neither a repetition nor a late copy.
    pub(crate) fn is_new(&self, id: BatchId) -> bool {
        self.latest.is_none_or(|latest| latest < id)
    }

    pub(crate) fn add_batch(&mut self, id: BatchId, entries: impl Iterator<Item = Vec<u8>>) {
        let batch: Batch = entries.enumerate().collect();
        if !batch.is_empty() {
            self.unsettled += batch.len();
            self.latest = Some(id);
            self.batches.insert(id, batch);
        }
    }

    pub(crate) fn batch(&self, id: BatchId) -> impl Iterator<Item = (usize, &Vec<u8>)> {
        self.batches.get(&id).into_iter().flatten().map(|(index, entry)| (*index, entry))
    }

    /// Takes one task out, unless that has been done before.
    pub(crate) fn take(&mut self, receipt: &Receipt) -> Option<Vec<u8>> {
        let Entry::Occupied(mut batch) = self.batches.entry(receipt.batch) else { return None };
        let entry = batch.get_mut().remove(&receipt.index)?;
        if batch.get().is_empty() {
            batch.remove();
        }
        self.unsettled -= 1;
        Some(entry)
    }

    /// Takes the task out that was claimed last.
    pub(crate) fn take_last(&mut self) -> Option<Vec<u8>> {
        let mut batch = self.batches.last_entry()?;
        let entry = batch.get_mut().pop_last().map(|(_, entry)| entry);
        if batch.get().is_empty() {
            batch.remove();
        }
        self.unsettled -= 1;
        entry
    }

    /// The tasks in the order in which they were claimed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.batches.values().flat_map(BTreeMap::values)
    }

    pub(crate) fn into_entries(self) -> Vec<Vec<u8>> {
        self.batches.into_values().flat_map(BTreeMap::into_values).collect()
    }
}
