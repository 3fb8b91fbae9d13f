//! A shared backend is a backend: `Arc<B>` stands wherever `B` does, and so does `Arc<dyn Backend>`.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{
    Assigned, BackendError, Claim, ClaimId, ClaimedBatch, ClaimedFirings, CounterFloor, DeadLetters, DebounceBackend,
    DebounceKey, DebounceStats, Due, EffectBackend, EffectKey, EffectState, Enqueued, Firing, FiringClaim,
    FiringSettled, FiringSettlement, IdBackend, IdClass, IdKey, IdOffer, IdRules, IdTtl, Lease, NewTask, Page,
    Promoted, Quarantined, QueueStats, Recovered, RecoveredFirings, Recovery, Reserved, Retention, Selection,
    SetBackend, SetChange, SetChanged, SetCopy, SetCursor, SetMark, SetName, SetPage, SetState, SetWatch, Settlement,
    TaskBackend, Trigger, TriggerRules, Triggered, Wakes,
};
use crate::task::{QueueName, TaskId, Timestamp};

/// Passes each operation on to the backend within, and each `own` method, which does not go to the store.
macro_rules! delegate {
    (
        $role:ident:
        $(fn $operation:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
        $(own fn $method:ident($($given:ident: $of:ty),*) -> $result:ty;)*
    ) => {
        #[diagnostic::do_not_recommend]
        #[async_trait]
        impl<B: $role + ?Sized> $role for Arc<B> {
            $(fn $method(&self, $($given: $of),*) -> $result {
                (**self).$method($($given),*)
            })*

            $(async fn $operation(&self, $($argument: $type),*) -> Result<$answer, BackendError> {
                (**self).$operation($($argument),*).await
            })*
        }
    };
}

delegate! {
    EffectBackend:
    fn begin_effect(effect: &EffectKey, ttl: Duration) -> EffectState;
    fn finish_effect(effect: &EffectKey, token: u64, result: &[u8], ttl: Duration) -> bool;
}

delegate! {
    IdBackend:
    fn assign_ids(class: &IdClass, keys: &[IdKey], rules: IdRules, floor: u64) -> Assigned;
    fn find_ids(class: &IdClass, keys: &[IdKey]) -> Vec<Option<u64>>;
    fn forget_ids(class: &IdClass, keys: &[IdKey], rules: IdRules) -> usize;
    fn find_keys(class: &IdClass, ids: &[u64]) -> Vec<Option<IdKey>>;
    fn reserve_ids(class: &IdClass, count: NonZeroU64, floor: u64) -> Reserved;
    fn offer_ids(class: &IdClass, offers: &[IdOffer], ttl: IdTtl) -> Vec<u64>;
    own fn counter_floor(class: &IdClass) -> Arc<CounterFloor>;
}

delegate! {
    SetBackend:
    fn set_state(set: &SetName, since: Option<SetMark>) -> SetState;
    fn scan_set(set: &SetName, cursor: &SetCursor) -> SetPage;
    fn copy_set(set: &SetName) -> SetCopy;
    fn change_set(set: &SetName, change: &SetChange) -> SetChanged;
    fn set_contains(set: &SetName, members: &[Vec<u8>]) -> Vec<bool>;
    fn watch_set(set: &SetName) -> Box<dyn SetWatch>;
}

delegate! {
    TaskBackend:
    fn enqueue(queue: &QueueName, tasks: &[NewTask]) -> Vec<Enqueued>;
    fn schedule(queue: &QueueName, tasks: &[NewTask], due: Due) -> Vec<Enqueued>;
    fn promote(queue: &QueueName, max: usize) -> Promoted;
    fn join(lease: &Lease, ttl: Duration) -> ();
    fn renew(lease: &Lease, ttl: Duration) -> ();
    fn leave(lease: &Lease) -> usize;
    fn claim(lease: &Lease, claim: Claim) -> ClaimedBatch;
    fn claim_waiting(lease: &Lease, claim: Claim, patience: Duration, stop: &CancellationToken) -> ClaimedBatch;
    fn settle(lease: &Lease, settlements: &[Settlement], next: Option<Claim>) -> ClaimedBatch;
    fn cancel(queue: &QueueName, ids: &[TaskId]) -> ();
    fn cancelled(queue: &QueueName, ids: &[TaskId]) -> Vec<TaskId>;
    fn recover(queue: &QueueName, rules: &Recovery, patience: Duration) -> Recovered;
    fn dead_letters(queue: &QueueName, page: Page) -> DeadLetters;
    fn replay(queue: &QueueName, which: &Selection) -> usize;
    fn delete_dead(queue: &QueueName, which: &Selection) -> usize;
    fn trim_dead(queue: &QueueName, retention: &Retention) -> usize;
    fn inspect(queue: &QueueName) -> QueueStats;
    fn pause(queue: &QueueName) -> ();
    fn resume(queue: &QueueName) -> ();
}

delegate! {
    DebounceBackend:
    fn time() -> Timestamp;
    fn trigger(key: &DebounceKey, triggers: &[Trigger], rules: &TriggerRules) -> Vec<Triggered>;
    fn due_times(key: &DebounceKey, members: &[Vec<u8>]) -> Vec<Option<Timestamp>>;
    fn cancel_firings(key: &DebounceKey, members: &[Vec<u8>]) -> Vec<bool>;
    fn claim_firings(key: &DebounceKey, claim: &FiringClaim) -> ClaimedFirings;
    fn renew_firings(key: &DebounceKey, claims: &[ClaimId], lease: Duration) -> Vec<bool>;
    fn settle_firings(key: &DebounceKey, claim: ClaimId, settlements: &[FiringSettlement]) -> Vec<FiringSettled>;
    fn recover_firings(key: &DebounceKey) -> RecoveredFirings;
    fn peek_firings(key: &DebounceKey, limit: usize) -> Vec<Firing>;
    fn quarantined(key: &DebounceKey, page: Page) -> Vec<Quarantined>;
    fn release_quarantined(key: &DebounceKey, members: &[Vec<u8>]) -> usize;
    fn delete_quarantined(key: &DebounceKey, members: &[Vec<u8>]) -> usize;
    fn inspect_debounce(key: &DebounceKey) -> DebounceStats;
    fn clear_firings(key: &DebounceKey) -> usize;
    fn watch_firings(key: &DebounceKey) -> Wakes;
}
