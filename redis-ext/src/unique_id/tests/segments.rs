//! Segments: how long they are, when they are fetched, and what a caller sees who has to wait.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, advance};

use super::{backend, counting, engine, error, reserved};
use crate::{
    BackendErrorKind, Error,
    backend::MAX_RESERVATION,
    unique_id::{
        UniqueIdError,
        counter::Reservation,
        engine::{Engine, Protocol, Work},
        segments::Segments,
    },
};

const PATIENCE: Duration = Duration::from_secs(5);

fn add(segments: &Segments, ids: std::ops::RangeInclusive<u64>) {
    segments.add(Reservation { ids, after_loss: false });
}

/// Takes this many IDs, which must be there.
fn take(segments: &Segments, count: u64) -> (Vec<u64>, usize) {
    let taken: Vec<_> = (0..count).map(|_| segments.take_one()).collect();
    (taken.iter().filter_map(|taken| taken.id).collect(), taken.iter().filter(|taken| taken.runs_low).count())
}

/// Runs the engine for a caller who finds too little.
fn working(engine: &Arc<Engine>) -> impl Fn() {
    let engine = Arc::clone(engine);
    move || {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.work(Work::Fetch).await });
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_segment_is_fetched_once_when_half_of_one_is_left() {
    let segments = Segments::default();
    let first = segments.take_one();
    assert!(first.id.is_none() && first.runs_low);
    let length = segments.next().unwrap().get();
    add(&segments, 1..=length);
    assert!(segments.next().is_none());
    let (ids, alarms) = take(&segments, length / 2);
    assert_eq!((ids, alarms), ((1..=length / 2).collect(), 0));
    let (ids, alarms) = take(&segments, length / 2);
    assert_eq!((ids, alarms), ((length / 2 + 1..=length).collect(), 1), "one caller sees to it");
}

#[tokio::test(start_paused = true)]
async fn a_segment_is_as_long_as_the_rate_of_use_asks_for_within_bounds() {
    let segments = Segments::default();
    let (mut lengths, mut next) = (Vec::new(), 1);
    let mut round = async |pause| {
        // Whoever finds too little fetches.
        while segments.take_one().id.is_some() {}
        advance(pause).await;
        let length = segments.next().unwrap().get();
        add(&segments, next..=next + length - 1);
        next += length;
        length
    };
    for _ in 0..6 {
        lengths.push(round(Duration::from_millis(1)).await);
    }
    assert_eq!(lengths, [32, 512, 8192, 131_072, MAX_RESERVATION, MAX_RESERVATION]);
    // A million IDs last for forty seconds now: a quarter of a second needs a fortieth of a quarter of them.
    let steady = round(Duration::from_secs(10)).await;
    assert_eq!(steady, MAX_RESERVATION / STEEPEST);
    lengths.clear();
    for _ in 0..5 {
        lengths.push(round(Duration::from_secs(3600)).await);
    }
    assert_eq!(lengths, [4096, 256, 32, 32, 32]);
}

/// As in `segments`.
const STEEPEST: u64 = 16;

#[tokio::test(start_paused = true)]
async fn a_caller_gets_as_many_as_it_wants_though_one_segment_is_shorter() {
    let engine = Arc::new(engine(counting(&Arc::default()), Protocol::OneStep));
    let ids = engine.segments.collect(10_000, PATIENCE, working(&engine)).await.unwrap();
    assert_eq!(ids, (1..=10_000).collect::<Vec<_>>());
    let more = engine.segments.collect(MAX_RESERVATION, PATIENCE, working(&engine)).await.unwrap();
    assert!(more.len() as u64 == MAX_RESERVATION && more.is_sorted() && more[0] == 10_001);
    assert_eq!(engine.segments.burnt(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_wait_through_an_outage() {
    let mut backend = backend();
    let (store, calls) = (Mutex::default(), AtomicUsize::new(0));
    backend.expect_reserve_ids().returning(move |_, count, floor| match calls.fetch_add(1, Relaxed) {
        0..5 => Err(error(BackendErrorKind::Unavailable)),
        _ => Ok(reserved(&store, count, floor)),
    });
    let engine = Arc::new(engine(backend, Protocol::OneStep));
    let begun = Instant::now();
    let callers = (0..3).map(|_| engine.segments.collect(1, PATIENCE, working(&engine)));
    let ids = futures_util::future::try_join_all(callers).await.unwrap();
    assert_eq!(ids.concat(), [1, 2, 3]);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_patience_is_over_learns_why_and_nobody_tries_on_for_it() {
    let mut backend = backend();
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    backend.expect_reserve_ids().returning(move |_, _, _| {
        counted.fetch_add(1, Relaxed);
        Err(error(BackendErrorKind::Unavailable))
    });
    let engine = Arc::new(engine(backend, Protocol::OneStep));
    let begun = Instant::now();
    let Err(Error::UniqueId(UniqueIdError::OutOfPatience { waited, source })) =
        engine.segments.collect(1, PATIENCE, working(&engine)).await
    else {
        panic!("there were no IDs to be had");
    };
    assert_eq!(source.unwrap().kind(), BackendErrorKind::Unavailable);
    assert!(waited == PATIENCE && begun.elapsed() == PATIENCE, "{waited:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let tries = calls.load(Relaxed);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(calls.load(Relaxed), tries);
}

#[tokio::test(start_paused = true)]
async fn what_waiting_does_not_help_against_is_told_at_once_and_tried_again_for_the_next_caller() {
    let mut backend = backend();
    let (store, calls) = (Mutex::default(), AtomicUsize::new(0));
    backend.expect_reserve_ids().returning(move |_, count, floor| match calls.fetch_add(1, Relaxed) {
        0 => Err(error(BackendErrorKind::WrongType)),
        _ => Ok(reserved(&store, count, floor)),
    });
    let engine = Arc::new(engine(backend, Protocol::OneStep));
    let begun = Instant::now();
    let refused = engine.segments.collect(1, PATIENCE, working(&engine)).await;
    assert!(matches!(refused, Err(Error::Backend(error)) if error.kind() == BackendErrorKind::WrongType));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(engine.segments.collect(1, PATIENCE, working(&engine)).await.unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn ids_that_a_call_has_taken_before_it_gives_up_are_counted_as_burnt() {
    let segments = Segments::default();
    add(&segments, 1..=10);
    let given_up = segments.collect(11, PATIENCE, || ()).await;
    assert!(matches!(given_up, Err(Error::UniqueId(UniqueIdError::OutOfPatience { source: None, .. }))));
    assert_eq!((segments.burnt(), segments.left()), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_from_before_a_loss_is_given_to_nobody() {
    let store = Arc::default();
    let engine = Arc::new(engine(counting(&store), Protocol::OneStep));
    let before = engine.segments.collect(20, PATIENCE, working(&engine)).await.unwrap();
    *store.lock().unwrap() = 3;
    engine.segments.collect(100, PATIENCE, working(&engine)).await.unwrap();
    let after = engine.segments.collect(100, PATIENCE, working(&engine)).await.unwrap();
    assert!(after.is_sorted() && after[0] > *before.last().unwrap(), "{before:?}, {after:?}");
    assert_eq!(engine.counter.losses(), 1);
}

#[tokio::test(start_paused = true)]
async fn once_closed_they_let_nobody_wait() {
    let segments = Segments::default();
    let (waiting, ()) = tokio::join!(segments.collect(1, PATIENCE, || ()), async { segments.close() });
    assert!(matches!(waiting, Err(Error::UniqueId(UniqueIdError::Stopped))));
    let later = segments.collect(1, PATIENCE, || panic!("there is nobody to fetch")).await;
    assert!(matches!(later, Err(Error::UniqueId(UniqueIdError::Stopped))));
}
