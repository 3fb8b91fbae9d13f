//! What a counter that goes back comes up against.

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use super::{CLASS, FOREVER, backend, counting, error, key};
use crate::{
    BackendErrorKind,
    backend::{Assigned, CounterMove, Reserved},
    unique_id::counter::Counter,
};

const TEN: NonZeroU64 = NonZeroU64::new(10).unwrap();

#[tokio::test]
async fn no_id_is_given_twice_though_the_counter_was_lost_and_the_loss_is_counted() {
    let store = Arc::default();
    let counter = Counter::new(Arc::new(counting(&store)), CLASS);
    assert_eq!(counter.reserve(TEN).await.unwrap().ids, 1..=10);
    assert_eq!(counter.losses(), 0);
    for (lost_to, next) in [(0, 11..=20), (19, 21..=30)] {
        *store.lock().unwrap() = lost_to;
        let reservation = counter.reserve(TEN).await.unwrap();
        assert!(reservation.after_loss && reservation.ids == next, "{:?}", reservation.ids);
    }
    assert!(!counter.reserve(TEN).await.unwrap().after_loss);
    assert_eq!(counter.losses(), 2);
}

#[tokio::test]
async fn where_assigned_ids_have_brought_the_counter_is_the_floor_of_the_next_call() {
    let mut backend = backend();
    let floors = Arc::<Mutex<Vec<u64>>>::default();
    let noted = Arc::clone(&floors);
    backend.expect_assign_ids().returning(move |_, _, _, floor| {
        noted.lock().unwrap().push(floor);
        Ok(Assigned { ids: vec![7], counter: CounterMove { before: 40, after: 41 } })
    });
    // Another handle on the same store knows what the first has seen.
    let backend = Arc::new(backend);
    for _ in 0..2 {
        let counter = Counter::new(Arc::clone(&backend) as _, CLASS);
        assert_eq!(counter.assign(&[key("a")], FOREVER).await.unwrap(), [7]);
    }
    assert_eq!(*floors.lock().unwrap(), [0, 41]);
}

#[tokio::test]
async fn a_range_that_was_handed_out_before_is_refused_if_a_backend_gives_it() {
    let mut backend = backend();
    let again = || Reserved { ids: 1..=10, counter: CounterMove { before: 0, after: 10 } };
    backend.expect_reserve_ids().returning(move |_, _, _| Ok(again()));
    let counter = Counter::new(Arc::new(backend), CLASS);
    assert!(counter.reserve(TEN).await.is_ok());
    let refused = counter.reserve(TEN).await.err().unwrap();
    assert_eq!(refused.kind(), BackendErrorKind::Corrupt);
}

#[tokio::test]
async fn ids_whose_reply_was_lost_are_counted_as_burnt() {
    let mut backend = backend();
    backend.expect_reserve_ids().times(1).returning(|_, _, _| Err(error(BackendErrorKind::Unavailable)));
    backend.expect_reserve_ids().returning(|_, _, _| Err(error(BackendErrorKind::Timeout).maybe_applied()));
    let counter = Counter::new(Arc::new(backend), CLASS);
    for burnt in [0, 10, 20] {
        assert!(counter.reserve(TEN).await.is_err());
        assert_eq!(counter.burnt(), burnt);
    }
}
