use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
};

use super::{
    super::{
        FastSetError, Mode, WhenStale,
        cell::Cell,
        engine::{Answer, Engine, Request},
        options::Options,
    },
    *,
};
use crate::{
    BackendError, BackendErrorKind,
    backend::{MockSetBackend, Operation, SetBackend, SetChange, SetChanged, SetEdit, SetNews, SetState},
};

const SECOND: Duration = Duration::from_secs(1);

fn failure(kind: BackendErrorKind) -> BackendError {
    BackendError::new(kind, Operation::SetState)
}

/// A store that cannot tell of changes.
fn backend() -> MockSetBackend {
    let mut backend = MockSetBackend::new();
    backend.expect_watch_set().returning(|_| Err(BackendError::new(BackendErrorKind::Config, Operation::WatchSet)));
    backend
}

struct Subject {
    cell: Arc<Cell<u32>>,
    requests: mpsc::Sender<Request>,
    engine: JoinHandle<()>,
}

impl Subject {
    fn start(backend: MockSetBackend, options: Options) -> Self {
        let cell = Arc::new(Cell::new(options.when_stale));
        let backend: Arc<dyn SetBackend> = Arc::new(backend);
        let engine = Engine { backend, set: "s".parse().unwrap(), options, cell: Arc::clone(&cell) };
        let (requests, mut inbox) = mpsc::channel(8);
        let engine = tokio::spawn(async move { engine.run(&mut inbox).await });
        Self { cell, requests, engine }
    }

    async fn ask<R>(&self, request: impl FnOnce(Answer<R>) -> Request) -> Result<R, FastSetError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.unwrap();
        answered.await.unwrap()
    }

    async fn insert(&self, number: u32) -> Result<SetChanged, FastSetError> {
        let add = vec![number.to_string().into_bytes()];
        let change = SetChange::new(SetEdit::Apply { remove: Vec::new(), add });
        self.ask(|answer| Request::Change(change, answer)).await
    }
}

fn polled(timeout: Duration) -> Options {
    Options { timeout, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn a_view_is_fresh_until_its_timeout_and_an_equal_check_renews_it() {
    let looks = Arc::new(AtomicUsize::new(0));
    let works = Arc::new(AtomicBool::new(true));
    let mut backend = backend();
    let (counted, asked) = (Arc::clone(&looks), Arc::clone(&works));
    backend.expect_set_state().returning(move |_, since| {
        counted.fetch_add(1, SeqCst);
        if !asked.load(SeqCst) {
            return Err(failure(BackendErrorKind::Unavailable));
        }
        let news = if since.is_some() { SetNews::Deltas(Vec::new()) } else { SetNews::Members(vec![b"1".to_vec()]) };
        Ok(SetState { mark: mark(1, 1, 1), news })
    });
    let subject = Subject::start(backend, polled(60 * SECOND));
    subject.ask(Request::Refresh).await.unwrap();
    let loaded = looks.load(SeqCst);
    for _ in 0..60 {
        sleep(10 * SECOND).await;
        assert!(subject.cell.read().is_ok());
    }
    let checks = looks.load(SeqCst) - loaded;
    assert!((12..=15).contains(&checks), "{checks} checks in ten minutes");
    assert_eq!(subject.cell.freshness().mode, Mode::Polled);

    works.store(false, SeqCst);
    sleep(61 * SECOND).await;
    let stale = subject.cell.read().err().unwrap();
    assert!(stale.freshness.age > 60 * SECOND && stale.freshness.mode == Mode::Disconnected, "{stale:?}");
    let before = looks.load(SeqCst);
    sleep(600 * SECOND).await;
    let tries = looks.load(SeqCst) - before;
    assert!((600..=1300).contains(&tries), "{tries} tries in ten minutes are no storm, and no idleness");
    works.store(true, SeqCst);
    sleep(2 * SECOND).await;
    assert!(subject.cell.read().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_does_not_run_any_more_leaves_no_view_that_seems_fresh() {
    for (when_stale, served) in [(WhenStale::Refuse, 60), (WhenStale::ServeStale(90 * SECOND), 90)] {
        let options = Options { when_stale, ..polled(60 * SECOND) };
        let subject = Subject::start(backend_of_one_state(), options);
        subject.ask(Request::Refresh).await.unwrap();
        subject.engine.abort();
        sleep((served - 1) * SECOND).await;
        assert!(subject.cell.read().is_ok());
        sleep(2 * SECOND).await;
        assert!(subject.cell.read().is_err());
    }
}

fn backend_of_one_state() -> MockSetBackend {
    let mut backend = backend();
    backend
        .expect_set_state()
        .returning(|_, _| Ok(SetState { mark: mark(1, 1, 0), news: SetNews::Members(Vec::new()) }));
    backend
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_reply_is_lost_is_made_again_under_its_identity_and_not_for_ever() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut backend = backend_of_one_state();
    let noted = Arc::clone(&seen);
    backend.expect_change_set().returning(move |_, change| {
        noted.lock().unwrap().push(change.id);
        Err(BackendError::new(BackendErrorKind::Timeout, Operation::ChangeSet).maybe_applied())
    });
    let subject = Subject::start(backend, polled(60 * SECOND));
    let error = subject.insert(7).await.unwrap_err();
    assert!(matches!(error, FastSetError::Backend(error) if error.is_maybe_applied()));
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 3 && seen.iter().all(|id| *id == seen[0]), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_not_made_again() {
    let mut backend = backend_of_one_state();
    backend
        .expect_change_set()
        .times(1)
        .returning(|_, _| Err(BackendError::new(BackendErrorKind::Config, Operation::ChangeSet)));
    let subject = Subject::start(backend, polled(60 * SECOND));
    let error = subject.insert(7).await.unwrap_err();
    assert!(matches!(error, FastSetError::Backend(error) if error.kind() == BackendErrorKind::Config));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_view_cannot_follow_is_an_error_that_says_it_may_be_made() {
    let works = Arc::new(AtomicBool::new(true));
    let mut backend = backend();
    let asked = Arc::clone(&works);
    backend.expect_set_state().returning(move |_, _| {
        if asked.load(SeqCst) {
            Ok(SetState { mark: mark(1, 1, 0), news: SetNews::Members(Vec::new()) })
        } else {
            Err(failure(BackendErrorKind::Unavailable))
        }
    });
    // Others have written since the view's version.
    backend.expect_change_set().returning(|_, _| Ok(SetChanged::Changed(delta(mark(4, 4, 0), 5, &[], &[7]))));
    let subject = Subject::start(backend, polled(60 * SECOND));
    subject.ask(Request::Refresh).await.unwrap();
    works.store(false, SeqCst);
    let error = subject.insert(7).await.unwrap_err();
    assert!(matches!(error, FastSetError::Backend(error) if error.is_maybe_applied()));
}

#[tokio::test(start_paused = true)]
async fn a_write_of_others_in_between_is_fetched_before_ones_own_returns() {
    let start = mark(1, 1, 0);
    let theirs = delta(start, 2, &[], &[5]);
    let ours = delta(theirs.after, 3, &[], &[7]);
    let mut backend = backend();
    let log = [theirs, ours.clone()];
    let is_written = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_written);
    backend.expect_set_state().returning(move |_, since| {
        let made = if asked.load(SeqCst) { 2 } else { 0 };
        let now = log[..made].last().map_or(start, |delta| delta.after);
        let news = match since {
            None => SetNews::Members(Vec::new()),
            Some(since) if since == now => SetNews::Deltas(Vec::new()),
            Some(_) => SetNews::Deltas(log.to_vec()),
        };
        Ok(SetState { mark: now, news })
    });
    backend.expect_change_set().return_once(move |_, _| {
        is_written.store(true, SeqCst);
        Ok(SetChanged::Changed(ours))
    });
    let subject = Subject::start(backend, polled(60 * SECOND));
    subject.ask(Request::Refresh).await.unwrap();
    let (mut changes, _) = subject.cell.subscribe();
    subject.insert(7).await.unwrap();
    let view = subject.cell.latest();
    assert!(view.contains(&5) && view.contains(&7) && view.version() == 3);
    let versions = [changes.recv().await.unwrap().after.version(), changes.recv().await.unwrap().after.version()];
    assert_eq!(versions, [2, 3], "each version is shown, in order");
}

#[tokio::test(start_paused = true)]
async fn the_engine_ends_when_nobody_can_ask_any_more() {
    let Subject { requests, engine, .. } = Subject::start(backend_of_one_state(), polled(60 * SECOND));
    drop(requests);
    engine.await.unwrap();
}
