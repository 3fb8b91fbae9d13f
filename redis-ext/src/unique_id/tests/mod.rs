//! The parts of the engine one by one, and the actor, against a backend that misbehaves on purpose.

mod actor;
mod candidates;
mod coalescer;
mod counter;
mod segments;

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use super::engine::{Engine, Protocol};
use crate::{
    BackendError, BackendErrorKind, IdClass, IdTtl,
    backend::{CounterFloor, CounterMove, IdKey, IdRules, MockIdBackend, Operation, Reserved},
};

const CLASS: IdClass = IdClass::from_static("user");
const FOREVER: IdRules = IdRules { ttl: IdTtl::NONE, reverse: false };

fn key(text: &str) -> IdKey {
    IdKey::new(text).unwrap()
}

fn error(kind: BackendErrorKind) -> BackendError {
    BackendError::new(kind, Operation::ReserveIds)
}

fn backend() -> MockIdBackend {
    let (mut backend, floor) = (MockIdBackend::new(), Arc::<CounterFloor>::default());
    backend.expect_counter_floor().returning(move |_| Arc::clone(&floor));
    backend
}

/// A backend whose counter a test can move behind the engine's back.
fn counting(counter: &Arc<Mutex<u64>>) -> MockIdBackend {
    let (mut backend, counter) = (backend(), Arc::clone(counter));
    backend.expect_reserve_ids().returning(move |_, count, floor| Ok(reserved(&counter, count, floor)));
    backend
}

fn reserved(counter: &Mutex<u64>, count: NonZeroU64, floor: u64) -> Reserved {
    let mut counter = counter.lock().unwrap();
    let before = *counter;
    *counter = before.max(floor) + count.get();
    Reserved { ids: *counter - count.get() + 1..=*counter, counter: CounterMove { before, after: *counter } }
}

fn engine(backend: MockIdBackend, protocol: Protocol) -> Engine {
    Engine::new(Arc::new(backend), CLASS, FOREVER, protocol)
}
