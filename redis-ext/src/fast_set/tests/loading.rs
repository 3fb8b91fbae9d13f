use mockall::predicate::{always, eq};

use super::{
    super::loading::{Found, Loader, News},
    *,
};
use crate::{
    BackendError, BackendErrorKind, SetName,
    backend::{ArmedState, MockSetBackend, MockSetWatch, SetCopy, SetCursor, SetNews, SetPage, SetState, SetWatch},
};

fn members(numbers: &[u32]) -> Vec<Vec<u8>> {
    numbers.iter().map(|number| number.to_string().into_bytes()).collect()
}

fn scan(mark: SetMark) -> SetState {
    SetState { mark, news: SetNews::Scan }
}

fn deltas(deltas: Vec<SetDelta>, mark: SetMark) -> SetState {
    SetState { mark, news: SetNews::Deltas(deltas) }
}

async fn load(
    backend: &MockSetBackend,
    watch: Option<&MockSetWatch>,
    known: Option<SetMark>,
    armed: Option<SetMark>,
) -> Result<Found<u32>, BackendError> {
    let set: SetName = "s".parse().unwrap();
    let watch = watch.map(|watch| watch as &dyn SetWatch);
    Loader { backend, set: &set, watch }.catch_up(known, armed).await
}

fn numbers(found: &Found<u32>) -> Vec<u32> {
    let News::Members(members) = &found.news else { panic!("the members were to be loaded") };
    let mut numbers: Vec<_> = members.iter().map(|member| **member).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_scan_is_corrected_by_what_the_log_says_happened_meanwhile() {
    let start = mark(5, 50, 3);
    let first = delta(start, 60, &[1], &[4]);
    let second = delta(first.after, 70, &[4, 2], &[1, 9]);
    let end = second.after;
    let mut backend = MockSetBackend::new();
    backend.expect_set_state().with(always(), eq(None)).times(1).return_once(move |_, _| Ok(scan(start)));
    let pages = [
        SetPage { members: members(&[1, 2, 4]), next: Some(SetCursor(vec![7])) },
        SetPage {
            // Twice the same, and one that is gone at the end.
            members: members(&[2, 3]),
            next: None,
        },
    ];
    let mut pages = pages.into_iter();
    backend.expect_scan_set().times(2).returning(move |_, _| Ok(pages.next().unwrap()));
    backend
        .expect_set_state()
        .with(always(), eq(Some(start)))
        .times(1)
        .return_once(move |_, _| Ok(deltas(vec![first, second], end)));
    let found = load(&backend, None, None, None).await.unwrap();
    assert_eq!((numbers(&found), found.mark), (vec![1, 3, 9], end));
}

#[tokio::test]
async fn a_scan_that_missed_something_is_made_again() {
    let start = mark(5, 50, 2);
    let mut backend = MockSetBackend::new();
    backend
        .expect_set_state()
        .returning(move |_, since| Ok(if since.is_none() { scan(start) } else { deltas(Vec::new(), start) }));
    let mut scans = [members(&[1]), members(&[1, 2])].into_iter();
    backend
        .expect_scan_set()
        .times(2)
        .returning(move |_, _| Ok(SetPage { members: scans.next().unwrap(), next: None }));
    assert_eq!(numbers(&load(&backend, None, None, None).await.unwrap()), [1, 2]);
}

/// A store whose set has another version at each look, of which no log tells.
fn restless() -> MockSetBackend {
    let mut backend = MockSetBackend::new();
    let mut version = 0;
    backend.expect_set_state().times(4).returning(move |_, _| {
        version += 1;
        Ok(scan(SetMark { version, change: None, len: 1000 }))
    });
    let copied = SetCopy { name: "copy".parse().unwrap(), mark: mark(9, 90, 2) };
    backend.expect_copy_set().times(1).return_once(move |_| Ok(copied));
    backend
}

#[tokio::test]
async fn a_set_that_changes_without_a_log_faster_than_it_can_be_scanned_is_loaded_from_a_copy() {
    let mut backend = restless();
    backend.expect_scan_set().returning(|set, _| {
        let members = if set.as_str() == "copy" { members(&[1, 2]) } else { members(&[7]) };
        Ok(SetPage { members, next: None })
    });
    let found = load(&backend, None, None, None).await.unwrap();
    assert_eq!((numbers(&found), found.mark), (vec![1, 2], mark(9, 90, 2)));
}

#[tokio::test]
async fn a_copy_that_is_gone_too_early_is_an_error() {
    let mut backend = restless();
    backend.expect_scan_set().returning(|_, _| Ok(SetPage { members: members(&[1]), next: None }));
    let Err(error) = load(&backend, None, None, None).await else { panic!("what was loaded?") };
    assert!(error.is_retryable() && !error.is_maybe_applied());
}

#[tokio::test]
async fn deltas_that_do_not_lead_there_are_not_followed() {
    let known = mark(5, 50, 1);
    let broken = delta(mark(5, 51, 1), 60, &[], &[2]);
    let end = broken.after;
    let mut backend = MockSetBackend::new();
    backend
        .expect_set_state()
        .with(always(), eq(Some(known)))
        .times(1)
        .return_once(move |_, _| Ok(deltas(vec![broken], end)));
    let all = SetState { mark: end, news: SetNews::Members(members(&[7, 8])) };
    backend.expect_set_state().with(always(), eq(None)).times(1).return_once(move |_, _| Ok(all));
    assert_eq!(numbers(&load(&backend, None, Some(known), None).await.unwrap()), [7, 8]);
}

/// A watch that sees the set at `known` at every look.
fn watch(known: SetMark, unbroken: bool, touched: bool) -> MockSetWatch {
    let mut watch = MockSetWatch::new();
    let mut is_first = true;
    watch.expect_arm().returning(move |since| {
        let first = std::mem::take(&mut is_first);
        let news = if since.is_some() { SetNews::Deltas(Vec::new()) } else { SetNews::Members(members(&[7])) };
        let state = SetState { mark: known, news };
        Ok(ArmedState { state, unbroken: unbroken || !first, touched: touched && first })
    });
    watch
}

#[tokio::test]
async fn the_same_mark_is_no_news_unless_the_watch_broke_or_the_members_were_touched() {
    let known = mark(5, 50, 1);
    let backend = MockSetBackend::new();
    let found = load(&backend, Some(&watch(known, true, false)), Some(known), Some(known)).await.unwrap();
    assert!(matches!(found.news, News::Deltas(deltas) if deltas.is_empty()));
    // A version more was seen when it was armed, by a write of one's own: that explains the touch.
    let earlier = Some(mark(4, 40, 1));
    let found = load(&backend, Some(&watch(known, true, true)), Some(known), earlier).await.unwrap();
    assert!(matches!(found.news, News::Deltas(deltas) if deltas.is_empty()));
    for (unbroken, touched) in [(true, true), (false, false)] {
        let found = load(&backend, Some(&watch(known, unbroken, touched)), Some(known), Some(known)).await.unwrap();
        assert_eq!(numbers(&found), [7]);
    }
}

#[tokio::test]
async fn without_its_watch_the_set_is_looked_at_all_the_same_and_once_in_full() {
    let known = mark(5, 50, 1);
    let mut backend = MockSetBackend::new();
    backend.expect_set_state().returning(move |_, since| {
        let news = if since.is_some() { SetNews::Deltas(Vec::new()) } else { SetNews::Members(members(&[7])) };
        Ok(SetState { mark: known, news })
    });
    let mut broken = MockSetWatch::new();
    broken
        .expect_arm()
        .returning(|_| Err(BackendError::new(BackendErrorKind::Unavailable, crate::backend::Operation::WatchSet)));
    let found = load(&backend, Some(&broken), Some(known), Some(known)).await.unwrap();
    assert_eq!((numbers(&found), found.armed), (vec![7], None));
    let found = load(&backend, Some(&broken), Some(known), None).await.unwrap();
    assert!(matches!(found.news, News::Deltas(deltas) if deltas.is_empty()));
}
