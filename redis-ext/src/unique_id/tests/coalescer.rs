//! Who shares a request with whom.

use super::{error, key};
use crate::{
    BackendErrorKind,
    backend::MAX_BATCH,
    unique_id::{UniqueIdError, coalescer::Coalescer},
};

#[test]
fn those_who_ask_before_a_request_leaves_share_it_and_each_key_is_asked_for_once() {
    let coalescer = Coalescer::default();
    let mut places: Vec<_> = ["a", "b", "a"].map(|text| coalescer.ask(key(text)).unwrap()).into();
    assert_eq!(places.iter().map(|place| place.first).collect::<Vec<_>>(), [true, false, false]);

    let batch = coalescer.take().unwrap();
    assert_eq!(batch.keys, [key("a"), key("b")]);
    batch.answer(Ok(vec![1, 2]));
    let answers: Vec<_> = places.iter_mut().map(|place| place.answer.try_recv().unwrap().unwrap()).collect();
    assert_eq!(answers, [1, 2, 1]);
}

#[test]
fn who_asks_after_a_request_has_left_is_answered_by_the_next_one() {
    let coalescer = Coalescer::default();
    let mut early = coalescer.ask(key("a")).unwrap();
    let under_way = coalescer.take().unwrap();
    let mut late = coalescer.ask(key("a")).unwrap();
    assert!(!late.first, "whoever made the first request makes the next one");
    under_way.answer(Ok(vec![1]));
    assert_eq!(early.answer.try_recv().unwrap().unwrap(), 1);
    assert!(late.answer.try_recv().is_err());

    coalescer.take().unwrap().answer(Ok(vec![999]));
    assert_eq!(late.answer.try_recv().unwrap().unwrap(), 999);
    assert!(coalescer.take().is_none());
    assert!(coalescer.ask(key("a")).unwrap().first);
}

#[test]
fn more_keys_than_one_request_takes_are_asked_for_in_turn() {
    let coalescer = Coalescer::default();
    let keys: Vec<_> = (0..MAX_BATCH + 3).map(|number| key(&number.to_string())).collect();
    let _places: Vec<_> = keys.iter().map(|key| coalescer.ask(key.clone()).unwrap()).collect();
    assert_eq!(coalescer.take().unwrap().keys, keys[..MAX_BATCH]);
    assert_eq!(coalescer.take().unwrap().keys, keys[MAX_BATCH..]);
    assert!(coalescer.take().is_none());
}

#[test]
fn a_key_that_nobody_waits_for_any_more_gets_no_id() {
    let coalescer = Coalescer::default();
    drop(coalescer.ask(key("a")).unwrap());
    let _stays = coalescer.ask(key("b")).unwrap();
    assert_eq!(coalescer.take().unwrap().keys, [key("b")]);
    drop(coalescer.ask(key("c")).unwrap());
    assert!(coalescer.take().is_none());
}

#[test]
fn an_error_is_everyones() {
    let coalescer = Coalescer::default();
    let mut places = ["a", "b", "b"].map(|text| coalescer.ask(key(text)).unwrap());
    let lost = error(BackendErrorKind::Timeout).maybe_applied().with_source("the cable");
    coalescer.take().unwrap().answer(Err(lost));
    for place in &mut places {
        let error = place.answer.try_recv().unwrap().unwrap_err();
        assert!(error.kind() == BackendErrorKind::Timeout && error.is_maybe_applied());
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cable");
    }
}

#[test]
fn once_closed_it_lets_nobody_wait() {
    let coalescer = Coalescer::default();
    let mut place = coalescer.ask(key("a")).unwrap();
    coalescer.close();
    assert_eq!(place.answer.try_recv().unwrap_err(), tokio::sync::oneshot::error::TryRecvError::Closed);
    assert!(matches!(coalescer.ask(key("b")), Err(UniqueIdError::Stopped)));
}
