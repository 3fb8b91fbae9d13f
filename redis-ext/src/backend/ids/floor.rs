//! What a process has seen of the counters, so that it never hands an ID out twice although a counter was lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::IdClass;

/// Where this process has seen the counter of one class stand.
///
/// It is a lock, too: who moves the counter holds it from sending the request to knowing the answer. Otherwise a request
/// that was under way when the counter was lost would carry a floor from before, and give again what others had got
/// meanwhile.
#[derive(Debug, Default)]
pub struct CounterFloor {
    pub(crate) seen: tokio::sync::Mutex<u64>,
}

/// The floors of one store, which its backend keeps for all who use it in this process, and as long as it lives: some
/// hundred bytes for each class that was ever used.
///
/// # Examples
/// In a backend, whose clones share the floors:
/// ```
/// use std::sync::Arc;
/// use redis_ext::{IdClass, backend::{CounterFloor, CounterFloors}};
///
/// #[derive(Default, Clone)]
/// struct Store {
///     floors: Arc<CounterFloors>,
/// }
///
/// impl Store {
///     fn counter_floor(&self, class: &IdClass) -> Arc<CounterFloor> {
///         self.floors.of(class)
///     }
/// }
///
/// let (store, user) = (Store::default(), IdClass::from_static("user"));
/// assert!(Arc::ptr_eq(&store.counter_floor(&user), &store.clone().counter_floor(&user)));
/// ```
#[derive(Debug, Default)]
pub struct CounterFloors(Mutex<HashMap<IdClass, Arc<CounterFloor>>>);

impl CounterFloors {
    /// The floor of `class`, always the same one.
    #[must_use]
    pub fn of(&self, class: &IdClass) -> Arc<CounterFloor> {
        let mut floors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match floors.get(class) {
            Some(floor) => Arc::clone(floor),
            None => Arc::clone(floors.entry(class.clone()).or_default()),
        }
    }
}
