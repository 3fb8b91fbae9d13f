//! What is done for all users of a handle. It knows no actor: whoever has it runs [`Engine::work`] when there is work.

use std::{sync::Arc, time::Duration};

use super::{candidates::Candidates, coalescer::Coalescer, counter::Counter, segments::Segments};
use crate::{
    BackendError, Backoff,
    backend::{IdBackend, IdClass, IdKey, IdRules},
};

/// The wait before IDs are reserved again after that has failed.
const RETRY: Backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(1));

/// How a class's IDs are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Counter and mappings change in one step.
    OneStep,
    /// Each step touches one key alone.
    SingleKeys,
}

/// What is to be done by whoever runs the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Callers wait for the IDs of keys.
    Answer,
    /// Fewer IDs are left than will be wanted soon.
    Fetch,
}

pub(super) struct Engine {
    pub(super) backend: Arc<dyn IdBackend>,
    pub(super) class: IdClass,
    pub(super) rules: IdRules,
    pub(super) protocol: Protocol,
    pub(super) counter: Counter,
    pub(super) coalescer: Coalescer,
    pub(super) candidates: Candidates,
    pub(super) segments: Segments,
}

impl Engine {
    pub(super) fn new(backend: Arc<dyn IdBackend>, class: IdClass, rules: IdRules, protocol: Protocol) -> Self {
        Self {
            counter: Counter::new(Arc::clone(&backend), class.clone()),
            backend,
            class,
            rules,
            protocol,
            coalescer: Coalescer::default(),
            candidates: Candidates::default(),
            segments: Segments::default(),
        }
    }

    /// The IDs of keys, at most a batch of them, which get one where they have none.
    pub(super) async fn assign(&self, keys: &[IdKey]) -> Result<Vec<u64>, BackendError> {
        match self.protocol {
            Protocol::OneStep => self.counter.assign(keys, self.rules).await,
            Protocol::SingleKeys => {
                let Self { backend, class, counter, rules, .. } = self;
                self.candidates.assign(&**backend, class, counter, keys, rules.ttl).await
            }
        }
    }

    pub(super) async fn work(&self, work: Work) {
        match work {
            Work::Answer => self.answer().await,
            Work::Fetch => self.fetch().await,
        }
    }

    /// After work has ended in a panic: whether there is some left for which nobody else will come.
    pub(super) fn is_left_with(&self, work: Work) -> bool {
        match work {
            Work::Answer => self.coalescer.abandoned(),
            Work::Fetch => self.segments.are_awaited(),
        }
    }

    /// Nobody will work for this engine any more.
    pub(super) fn close(&self) {
        self.coalescer.close();
        self.segments.close();
    }

    /// Answers callers, a batch of keys after the other, as long as any wait.
    async fn answer(&self) {
        while let Some(batch) = self.coalescer.take() {
            let answers = self.assign(&batch.keys).await;
            batch.answer(answers);
        }
    }

    /// Fetches segments until there is enough; after an error, only as long as anybody waits.
    async fn fetch(&self) {
        let mut failed = 0;
        while let Some(length) = self.segments.next() {
            match self.counter.reserve(length).await {
                Ok(reservation) => {
                    self.segments.add(reservation);
                    failed = 0;
                }
                Err(error) => {
                    tracing::warn!(class = %self.class, %error, "no IDs could be reserved");
                    self.segments.note(error);
                    failed += 1;
                    // Before giving up, too: callers who find little left would have the next try made at once.
                    tokio::time::sleep(RETRY.delay_after(failed)).await;
                    if !self.segments.are_awaited() {
                        return;
                    }
                }
            }
        }
    }
}
