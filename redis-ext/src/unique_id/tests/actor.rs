//! The actor around the engine: its start, a backend that panics, the end of its arbiter.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::{Arbiter, System};

use super::{CLASS, backend, counting};
use crate::{
    Error,
    backend::{Assigned, CounterMove, MockIdBackend},
    unique_id::{UniqueId, UniqueIdError},
};

/// Gives the keys of each call the numbers from 1 on, and counts calls.
fn answering(calls: &Arc<AtomicUsize>) -> MockIdBackend {
    let (mut backend, calls) = (backend(), Arc::clone(calls));
    backend.expect_assign_ids().returning(move |_, keys, _, _| {
        calls.fetch_add(1, Relaxed);
        let ids = (1..=keys.len() as u64).collect();
        Ok(Assigned { ids, counter: CounterMove { before: 0, after: 0 } })
    });
    backend
}

#[test]
fn without_an_arbiter_there_is_a_clear_error() {
    let outcome = UniqueId::builder(backend(), CLASS).start();
    assert!(matches!(outcome, Err(Error::UniqueId(UniqueIdError::NoArbiter))));
}

#[test]
fn the_way_back_and_single_keys_exclude_each_other() {
    System::new().block_on(async {
        let outcome = UniqueId::builder(backend(), CLASS).reverse().single_key_commands().start();
        assert!(matches!(outcome, Err(Error::UniqueId(UniqueIdError::ReverseWithSingleKeys))));
        let ids = UniqueId::builder(backend(), CLASS).start().unwrap();
        let id = crate::unique_id::Id::new(1);
        assert!(matches!(ids.key_of(id).await, Err(Error::UniqueId(UniqueIdError::NoReverse))));
    });
}

#[test]
fn bad_keys_never_reach_the_backend() {
    System::new().block_on(async {
        let ids = UniqueId::builder(backend(), CLASS).start().unwrap();
        let long = "k".repeat(1025);
        for key in ["", &long] {
            assert!(matches!(ids.get_or_create(key).await, Err(Error::IdName(_))));
            assert!(matches!(ids.get_or_create_many(["fine", key]).await, Err(Error::IdName(_))));
            assert!(matches!(ids.lookup(key).await, Err(Error::IdName(_))));
            assert!(matches!(ids.forget(key).await, Err(Error::IdName(_))));
        }
    });
}

#[test]
fn a_burst_of_callers_is_one_request() {
    System::new().block_on(async {
        let calls = Arc::default();
        let ids = UniqueId::builder(answering(&calls), CLASS).start().unwrap();
        let callers = (0..200).map(|number| {
            let ids = ids.clone();
            async move { ids.get_or_create(&(number % 100).to_string()).await }
        });
        let answers = futures_util::future::try_join_all(callers).await.unwrap();
        assert_eq!(
            answers.iter().map(|id| id.get()).collect::<Vec<_>>(),
            (1..=100).cycle().take(200).collect::<Vec<_>>()
        );
        assert_eq!(calls.load(Relaxed), 1);
    });
}

#[test]
fn when_its_arbiter_ends_callers_are_told_instead_of_left_waiting() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let calls = Arc::default();
        let ids = UniqueId::builder(answering(&calls), CLASS).arbiter(&arbiter.handle()).start().unwrap();
        assert_eq!(ids.get_or_create("a").await.unwrap(), 1);
        arbiter.stop();
        arbiter.join().unwrap();
        let late = tokio::time::timeout(Duration::from_secs(10), ids.get_or_create("b")).await.unwrap();
        assert!(matches!(late, Err(Error::UniqueId(UniqueIdError::Stopped))), "{late:?}");
        let late = tokio::time::timeout(Duration::from_secs(10), ids.next_id()).await.unwrap();
        assert!(matches!(late, Err(Error::UniqueId(UniqueIdError::Stopped))), "{late:?}");
    });
}

#[test]
fn ids_from_several_threads_are_each_given_once_and_grow_for_each_of_them() {
    System::new().block_on(async {
        let ids = UniqueId::builder(counting(&Arc::new(Mutex::new(0))), CLASS).start().unwrap();
        let threads = (0..4).map(|_| {
            let ids = ids.clone();
            tokio::task::spawn_blocking(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    let mut taken = Vec::new();
                    for _ in 0..20_000 {
                        taken.push(ids.next_id().await.unwrap().get());
                    }
                    taken
                })
            })
        });
        let mut all = Vec::new();
        for taken in futures_util::future::join_all(threads).await {
            let taken = taken.unwrap();
            assert!(taken.is_sorted_by(|a, b| a < b));
            all.extend(taken);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 80_000);
    });
}
