//! The names of all keys: this file is the store's map.
//!
//! For a queue `emails`, everything but the ready list itself carries the hash tag `{emails}`, so that on a cluster
//! all of it lies in one slot. A queue's name holds no braces, so no queue is ever named like another one's key.

use std::fmt::Display;

use crate::{
    backend::{BatchId, ChangeId, ClaimId, DebounceKey, IdClass, IdKey, Lease, SetName},
    task::{QueueName, TaskId, WorkerId},
};

/// The keys of one queue.
#[derive(Clone, Copy)]
pub(super) struct Keys<'q>(&'q QueueName);

impl<'q> Keys<'q> {
    pub(super) fn of(queue: &'q QueueName) -> Self {
        Self(queue)
    }

    /// LIST of entries: producers push to its tail, claims take from its head.
    pub(super) fn ready(self) -> String {
        self.0.to_string()
    }

    /// ZSET of incarnations by the expiry of their leases in ms; 0 = its recovery has begun.
    pub(super) fn workers(self) -> String {
        self.tagged("workers")
    }

    /// ZSET of `<task id>:<entry>` by due time in ms. The ID keeps equal entries apart.
    pub(super) fn scheduled(self) -> String {
        self.tagged("scheduled")
    }

    /// HASH of dead letters by task ID; see `letters`.
    pub(super) fn dead(self) -> String {
        self.tagged("dead")
    }

    /// ZSET of the dead letters' task IDs by time of death in µs: a millisecond has room for many deaths.
    pub(super) fn dead_index(self) -> String {
        self.tagged("dead:index")
    }

    /// HASH of counters: `dead_bytes`, the bytes of all dead letters.
    pub(super) fn stats(self) -> String {
        self.tagged("stats")
    }

    /// STRING: the ID of the task that holds this unique lock.
    pub(super) fn unique(self, digest: &str) -> String {
        self.tagged(format_args!("unique:{digest}"))
    }

    /// HASH of one effect of one task: `token`, the latest run's; `finished_by`, the token of the run that finished it,
    /// and its `result`.
    pub(super) fn effect(self, task: TaskId, name: &str) -> String {
        self.tagged(format_args!("effect:{task}:{name}"))
    }

    /// ZSET of the IDs of cancelled tasks by the time in ms until which the cancellation is kept; it expires with the
    /// last of them.
    pub(super) fn cancelled(self) -> String {
        self.tagged("cancelled")
    }

    /// STRING: before this time in ms no expired lease is taken for a death. It expires when nobody looks for the dead.
    pub(super) fn watch(self) -> String {
        self.tagged("watch")
    }

    /// STRING that is there while the queue is paused.
    pub(super) fn paused(self) -> String {
        self.tagged("paused")
    }

    /// HASH of an incarnation's open batches: number → how many of its tasks are not settled; once some are,
    /// `<not settled>/<size>`.
    pub(super) fn registry(self, worker: WorkerId) -> String {
        self.tagged(format_args!("claimed:{worker}"))
    }

    /// LIST of the entries of one claimed batch.
    pub(super) fn batch(self, worker: WorkerId, batch: impl Display) -> String {
        self.tagged(format_args!("claimed:{worker}:{batch}"))
    }

    /// SET of the indexes within a claimed batch that are settled already.
    pub(super) fn settled(self, worker: WorkerId, batch: impl Display) -> String {
        self.tagged(format_args!("claimed:{worker}:{batch}:done"))
    }

    /// STRING: the number of the latest batch that an incarnation has claimed. A claim with a lower one is a late copy.
    pub(super) fn latest_batch(self, worker: WorkerId) -> String {
        self.tagged(format_args!("claimed:{worker}:latest"))
    }

    /// LIST where an incarnation's blocking move drops what it takes, until a claim collects it a moment later.
    pub(super) fn landing(self, worker: WorkerId) -> String {
        self.tagged(format_args!("landing:{worker}"))
    }

    fn tagged(self, rest: impl Display) -> String {
        format!("{{{}}}:{rest}", self.0)
    }
}

/// The keys that every claim begins with, in the order of `_claim.lua`.
pub(super) fn claim_keys(lease: &Lease, batch: Option<BatchId>) -> Vec<String> {
    let (keys, worker) = (Keys::of(&lease.queue), lease.worker);
    vec![
        keys.ready(),
        keys.workers(),
        keys.registry(worker),
        keys.landing(worker),
        keys.paused(),
        keys.batch(worker, batch.map_or_else(String::new, |batch| batch.0.to_string())),
        keys.cancelled(),
        keys.latest_batch(worker),
    ]
}

/// The keys of one class of IDs. The first two are where the Python package has them; on a cluster they lie in one slot
/// only if the class's name carries a hash tag, such as `{user}`.
#[derive(Clone, Copy)]
pub(super) struct IdKeys<'c>(&'c IdClass);

impl<'c> IdKeys<'c> {
    pub(super) fn of(class: &'c IdClass) -> Self {
        Self(class)
    }

    /// STRING: the last ID that was given.
    pub(super) fn counter(self) -> String {
        format!("{}:auto", self.0)
    }

    /// STRING: the ID of a key. It expires with the mapping.
    pub(super) fn mapping(self, key: &IdKey) -> String {
        format!("{}:id:{key}", self.0)
    }

    /// HASH of the key of each ID, true only as long as the mapping says the same.
    pub(super) fn keys(self) -> String {
        format!("{}:keys", self.0)
    }

    /// ZSET of the IDs in `keys` whose mappings expire, by the time in ms.
    pub(super) fn expiries(self) -> String {
        format!("{}:keys:until", self.0)
    }
}

/// The keys of one debouncer. What lies beside the zset of its own name shares that one's hash tag: of a key without
/// braces that is the key, `{key}:active`; one with a tag is only extended, `{tag}:debounce:active`.
#[derive(Clone, Copy)]
pub(super) struct DebounceKeys<'k>(&'k DebounceKey);

impl<'k> DebounceKeys<'k> {
    pub(super) fn of(key: &'k DebounceKey) -> Self {
        Self(key)
    }

    /// ZSET of members by due time in Unix seconds, with a fraction: that of the Python package.
    pub(super) fn pending(self) -> String {
        self.0.to_string()
    }

    /// ZSET like `pending`, of members that became due while they were active.
    pub(super) fn parked(self) -> String {
        self.beside("parked")
    }

    /// HASH of the payloads of pending members; see `_payloads.lua`.
    pub(super) fn payloads(self) -> String {
        self.beside("payloads")
    }

    /// HASH of the bursts of pending members: `<first trigger in ms>:<how many>`.
    pub(super) fn bursts(self) -> String {
        self.beside("bursts")
    }

    /// ZSET of throttled members by the time in ms until which triggers are dropped.
    pub(super) fn quiet(self) -> String {
        self.beside("quiet")
    }

    /// HASH of active members: `<claim>:<how many payloads>`.
    pub(super) fn active(self) -> String {
        self.beside("active")
    }

    /// ZSET of claims by the expiry of their leases in ms.
    pub(super) fn claims(self) -> String {
        self.beside("claims")
    }

    /// HASH of the unsettled firings of one claim: member → `<score>|<payloads>`.
    pub(super) fn claim(self, id: ClaimId) -> String {
        self.beside(format_args!("claims:{id}"))
    }

    /// ZSET of quarantined members by the time in µs since which they are.
    pub(super) fn quarantine(self) -> String {
        self.beside("quarantine")
    }

    /// HASH of quarantined firings: member → `<reason>\n<score>|<payloads>`.
    pub(super) fn quarantine_records(self) -> String {
        self.beside("quarantine:records")
    }

    /// Channel on which schedulers are told that something is due before all else.
    pub(super) fn wake_channel(self) -> String {
        self.beside("wake")
    }

    fn beside(self, rest: impl Display) -> String {
        let Self(key) = self;
        if key.as_str().contains('{') { format!("{key}:{rest}") } else { format!("{{{key}}}:{rest}") }
    }
}

/// The keys of one set. The first two are those of the Python package.
#[derive(Clone, Copy)]
pub(super) struct SetKeys<'n>(&'n SetName);

impl<'n> SetKeys<'n> {
    pub(super) fn of(set: &'n SetName) -> Self {
        Self(set)
    }

    /// SET of the members.
    pub(super) fn value(self) -> String {
        format!("{}:value", self.0)
    }

    /// STRING: the version; missing = 0.
    pub(super) fn version(self) -> String {
        format!("{}:version", self.0)
    }

    /// HASH of the latest changes; see `_set.lua`.
    pub(super) fn log(self) -> String {
        format!("{}:log", self.0)
    }

    /// SET of what a change of many members is to add, until the change is made.
    pub(super) fn staged_to_add(self, change: ChangeId) -> String {
        format!("{}:staged:{change}:add", self.0)
    }

    /// SET of what a change of many members is to remove, until the change is made.
    pub(super) fn staged_to_remove(self, change: ChangeId) -> String {
        format!("{}:staged:{change}:remove", self.0)
    }

    /// What every script of a set begins with.
    pub(super) fn all(self) -> [String; 3] {
        [self.value(), self.version(), self.log()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_queue_carry_its_hash_tag() {
        let queue = QueueName::from_static("a b");
        let (keys, worker) = (Keys::of(&queue), WorkerId::random());
        assert_eq!(keys.ready(), "a b");
        assert_eq!(keys.unique("d"), "{a b}:unique:d");
        assert_eq!(keys.batch(worker, 7), format!("{{a b}}:claimed:{worker}:7"));
        assert_eq!(keys.settled(worker, 7), format!("{{a b}}:claimed:{worker}:7:done"));
    }

    #[test]
    fn all_keys_of_a_debouncer_carry_its_hash_tag() {
        let (plain, tagged) = (DebounceKey::new("search").unwrap(), DebounceKey::new("{search}:debounce").unwrap());
        assert_eq!(DebounceKeys::of(&plain).pending(), "search");
        assert_eq!(DebounceKeys::of(&plain).active(), "{search}:active");
        assert_eq!(DebounceKeys::of(&tagged).active(), "{search}:debounce:active");
    }
}
