//! Who waits for the ID of which key: callers that come while a request is under way share the next one.
//!
//! A caller joins only what has not been sent yet. So an answer is never older than the question: what another program
//! wrote before the call is seen by the call.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::UniqueIdError;
use crate::{
    BackendError,
    backend::{IdKey, MAX_BATCH},
};

type Answer = Result<u64, BackendError>;

#[derive(Default)]
pub(super) struct Coalescer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The keys in the order in which they were first asked for.
    order: VecDeque<IdKey>,
    callers: HashMap<IdKey, Vec<oneshot::Sender<Answer>>>,
    /// Somebody takes batches, and will see what comes.
    driven: bool,
    closed: bool,
}

/// A caller's place.
pub(super) struct Place {
    pub(super) answer: oneshot::Receiver<Answer>,
    /// Nobody takes batches at the moment: the caller has to see to it.
    pub(super) first: bool,
}

/// Keys for one request, with those who wait for the answers.
pub(super) struct Batch {
    pub(super) keys: Vec<IdKey>,
    callers: Vec<Vec<oneshot::Sender<Answer>>>,
}

impl Coalescer {
    pub(super) fn ask(&self, key: IdKey) -> Result<Place, UniqueIdError> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.lock();
        if state.closed {
            return Err(UniqueIdError::Stopped);
        }
        match state.callers.get_mut(&key) {
            Some(callers) => callers.push(sender),
            None => {
                state.order.push_back(key.clone());
                state.callers.insert(key, vec![sender]);
            }
        }
        let first = !std::mem::replace(&mut state.driven, true);
        Ok(Place { answer, first })
    }

    /// The next keys to ask for; nothing when nobody waits, and then whoever comes next is the first again.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        let State { order, callers, driven, .. } = &mut *state;
        let mut batch = Batch { keys: Vec::new(), callers: Vec::new() };
        while batch.keys.len() < MAX_BATCH
            && let Some(key) = order.pop_front()
        {
            let mut waiting = callers.remove(&key).unwrap_or_default();
            // A key that nobody waits for any more needs no ID.
            waiting.retain(|caller| !caller.is_closed());
            if !waiting.is_empty() {
                batch.keys.push(key);
                batch.callers.push(waiting);
            }
        }
        *driven = !batch.keys.is_empty();
        driven.then_some(batch)
    }

    /// Whoever took batches is gone; the answer is whether somebody waits for the next one to do so.
    pub(super) fn abandoned(&self) -> bool {
        let mut state = self.lock();
        state.driven = !state.order.is_empty();
        state.driven
    }

    /// Lets all who wait know that no answer will come, and all who come.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.order.clear();
        state.callers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    pub(super) fn answer(self, answers: Result<Vec<u64>, BackendError>) {
        for (at, callers) in self.callers.into_iter().enumerate() {
            for caller in callers {
                let answer = match &answers {
                    Ok(ids) => Ok(ids[at]),
                    Err(error) => Err(error.clone()),
                };
                // The caller may have gone away meanwhile.
                let _ = caller.send(answer);
            }
        }
    }
}
