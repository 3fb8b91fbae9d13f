//! The owner of a set's copy, without the actor: one loop, which makes the writes, follows the store, and proves from
//! time to time that nothing has changed.
//!
//! Writes are sent as they come and applied in the order of their versions. At any time at most one look at the store is
//! under way: it catches up with what others did, or confirms that they did nothing.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::{
    FastSetError, Mode, SetMember,
    cell::Cell,
    loading::{Found, Loader, News},
    options::Options,
    replica::{Replica, Step},
};
use crate::backend::{BackendError, SetBackend, SetChange, SetChanged, SetMark, SetName, SetWatch};

/// How many writes may be under way at once; more wait for their turn.
const MOST_WRITES: usize = 256;

/// How often a write is made again whose reply was lost or that was refused for a passing reason.
const WRITE_ATTEMPTS: usize = 3;

/// The pause before the first repetition, and before the first look after one that failed; each next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the owner is asked for.
pub(super) enum Request {
    /// Makes a change; it is answered once the view has seen it.
    Change(SetChange, Answer<SetChanged>),
    /// Looks at the store now.
    Refresh(Answer<()>),
}

pub(super) type Answer<R> = oneshot::Sender<Result<R, FastSetError>>;

/// What an engine needs to begin.
pub(super) struct Engine<T> {
    pub(super) backend: Arc<dyn SetBackend>,
    pub(super) set: SetName,
    pub(super) options: Options,
    pub(super) cell: Arc<Cell<T>>,
}

/// What came of a look.
enum Looked<T> {
    Found(Result<Found<T>, BackendError>),
    Confirmed { at: Instant, quiet: Result<bool, BackendError> },
}

/// Someone who waits until the view has seen a version.
struct Waiter {
    version: u64,
    /// The look that will have seen it in any case, also if versions begin anew.
    look: u64,
    tell: Box<dyn FnOnce(Option<BackendError>) + Send>,
}

/// A running engine.
struct Running<'e, T> {
    engine: &'e Engine<T>,
    watch: Option<Arc<dyn SetWatch>>,
    replica: Replica<T>,
    /// Where the watch was armed last, while it is.
    armed: Option<SetMark>,
    waiters: Vec<Waiter>,
    /// How many looks have begun.
    looks: u64,
    /// Where the copy stood when the look under way began.
    look_begun_at: Option<SetMark>,
    /// Another look must follow the one under way, or begin at once.
    is_behind: bool,
    next_look: Instant,
    next_check: Instant,
    failures: u32,
}

impl<T: SetMember> Engine<T> {
    /// Runs until nobody can ask for anything any more.
    pub(super) async fn run(&self, requests: &mut mpsc::Receiver<Request>) {
        let mut running = Running {
            engine: self,
            watch: None,
            replica: Replica::new(),
            armed: None,
            waiters: Vec::new(),
            looks: 0,
            look_begun_at: None,
            is_behind: true,
            next_look: Instant::now(),
            next_check: Instant::now(),
            failures: 0,
        };
        running.watch = self
            .backend
            .watch_set(&self.set)
            .await
            .map(Arc::from)
            .inspect_err(|error| {
                tracing::info!(set = %self.set, %error, "changes cannot be pushed: the version is asked for instead");
            })
            .ok();
        running.run(requests).await;
    }
}

type Written = (Result<SetChanged, BackendError>, Answer<SetChanged>);

impl<'e, T: SetMember> Running<'e, T> {
    async fn run(&mut self, requests: &mut mpsc::Receiver<Request>) {
        let mut writes = FuturesUnordered::<BoxFuture<'e, Written>>::new();
        let mut look: Option<BoxFuture<'e, Looked<T>>> = None;
        let mut is_catching_up = false;
        loop {
            let now = Instant::now();
            if !is_catching_up && (self.is_behind || look.is_none()) && (now >= self.next_look || self.may_hurry()) {
                is_catching_up = self.is_behind || now >= self.next_check || self.armed.is_none();
                look = Some(if is_catching_up { self.catch_up() } else { self.confirm() });
            }
            let watch = self.watch.clone().filter(|_| !is_catching_up && !self.is_behind);
            tokio::select! {
                request = requests.recv(), if writes.len() < MOST_WRITES => match request {
                    Some(Request::Change(change, answer)) => writes.push(self.write(change, answer)),
                    Some(Request::Refresh(answer)) => self.refresh(answer),
                    // Nobody waits for the writes that are under way, and they are made all the same.
                    None => return writes.for_each(async |_| {}).await,
                },
                Some((result, answer)) = writes.next() => self.written(result, answer),
                looked = under_way(&mut look) => {
                    look = None;
                    is_catching_up = false;
                    match looked {
                        Looked::Found(found) => self.found(found),
                        Looked::Confirmed { at, quiet } => self.confirmed(at, quiet),
                    }
                }
                // A confirmation that is under way has nothing to confirm any more.
                () = disturbed(watch) => self.is_behind = true,
                () = sleep_until(self.next_look), if look.is_none() => {}
            }
        }
    }

    /// Whether to look before it is time; after a failure, looks keep a distance.
    fn may_hurry(&self) -> bool {
        self.is_behind && self.failures == 0
    }

    fn catch_up(&mut self) -> BoxFuture<'e, Looked<T>> {
        self.is_behind = false;
        self.looks += 1;
        self.look_begun_at = self.replica.mark();
        self.replica.begin_load();
        let (engine, watch) = (self.engine, self.watch.clone());
        let (known, armed) = (self.replica.mark(), self.armed);
        async move {
            let loader = Loader { backend: &*engine.backend, set: &engine.set, watch: watch.as_deref() };
            Looked::Found(loader.catch_up(known, armed).await)
        }
        .boxed()
    }

    fn confirm(&self) -> BoxFuture<'e, Looked<T>> {
        let watch = self.watch.clone();
        async move {
            let at = Instant::now();
            let quiet = match watch {
                Some(watch) => watch.confirm().await,
                None => Ok(false),
            };
            Looked::Confirmed { at, quiet }
        }
        .boxed()
    }

    fn write(&self, change: SetChange, answer: Answer<SetChanged>) -> BoxFuture<'e, Written> {
        let engine = self.engine;
        async move {
            let mut pause = FIRST_PAUSE;
            for _ in 1..WRITE_ATTEMPTS {
                match engine.backend.change_set(&engine.set, &change).await {
                    // Made or not, the same change again tells.
                    Err(error) if error.is_retryable() && error.is_maybe_applied() => {
                        tracing::debug!(set = %engine.set, %error, "a write is made again");
                        sleep(pause).await;
                        pause *= 2;
                    }
                    result => return (result, answer),
                }
            }
            (engine.backend.change_set(&engine.set, &change).await, answer)
        }
        .boxed()
    }

    fn written(&mut self, result: Result<SetChanged, BackendError>, answer: Answer<SetChanged>) {
        let changed = match result {
            Ok(changed) => changed,
            Err(error) => {
                // The caller may have gone, here and below.
                let _ = answer.send(Err(error.into()));
                self.is_behind = true;
                return;
            }
        };
        let (version, is_seen) = match &changed {
            SetChanged::Changed(delta) => {
                let steps = self.replica.apply(delta.clone());
                let is_seen = steps.first().is_some_and(|step| step.view.mark == delta.after);
                self.publish(steps);
                (delta.after.version, is_seen)
            }
            SetChanged::Unchanged(mark) => (mark.version, self.replica.mark() == Some(*mark)),
            SetChanged::Conflict(version) => (*version, self.version() == *version),
        };
        if is_seen {
            let _ = answer.send(Ok(changed));
            return;
        }
        // A view of a later version has seen it, or is of a time before a reset: only another look can tell.
        let version = if self.version() < version { version } else { u64::MAX };
        self.wait_for(version, move |failed| {
            let _ = answer.send(match failed {
                None => Ok(changed),
                Some(error) if matches!(changed, SetChanged::Changed(_)) => Err(error.maybe_applied().into()),
                Some(error) => Err(error.into()),
            });
        });
    }

    /// The version of the view.
    fn version(&self) -> u64 {
        self.replica.mark().map_or(0, |mark| mark.version)
    }

    fn refresh(&mut self, answer: Answer<()>) {
        self.wait_for(u64::MAX, move |failed| {
            let _ = answer.send(match failed {
                None => Ok(()),
                Some(error) => Err(error.into()),
            });
        });
    }

    /// Tells when the view has seen `version`, at the latest after a look that begins from now on.
    fn wait_for(&mut self, version: u64, tell: impl FnOnce(Option<BackendError>) + Send + 'static) {
        self.waiters.push(Waiter { version, look: self.looks + 1, tell: Box::new(tell) });
        self.is_behind = true;
    }

    fn found(&mut self, found: Result<Found<T>, BackendError>) {
        let options = &self.engine.options;
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.failed(error),
        };
        self.failures = 0;
        self.armed = found.armed;
        let is_taken_over = match found.news {
            News::Deltas(deltas) => {
                for delta in deltas {
                    let steps = self.replica.apply(delta);
                    self.publish(steps);
                }
                // It may be newer, by writes of its own.
                self.version() >= found.mark.version
            }
            News::Members(members) => {
                let step = self.replica.replace(self.look_begun_at, found.mark, members);
                let is_taken_over = step.is_some();
                self.publish(step.into_iter().collect());
                is_taken_over
            }
        };
        self.replica.end_load();
        let (mode, good_for, next) = match self.armed {
            Some(_) => (Mode::Pushed, options.good_for_pushed(), options.heartbeat()),
            None => (Mode::Polled, options.timeout, options.check_every()),
        };
        self.next_look = found.at + next;
        self.next_check = found.at + options.check_every();
        if is_taken_over {
            self.engine.cell.prove(found.at, mode, good_for);
            self.tell_waiters_of_look(None);
        } else {
            self.is_behind = true;
        }
    }

    fn confirmed(&mut self, at: Instant, quiet: Result<bool, BackendError>) {
        let options = &self.engine.options;
        match quiet {
            Ok(true) => {
                self.engine.cell.prove(at, Mode::Pushed, options.good_for_pushed());
                self.next_look = at + options.heartbeat();
            }
            // What is told, or what broke, is for the next look to find out.
            Ok(false) => self.is_behind = true,
            Err(error) => {
                tracing::debug!(set = %self.engine.set, %error, "it cannot be proven that nothing has changed");
                self.is_behind = true;
            }
        }
    }

    fn failed(&mut self, error: BackendError) {
        if self.failures == 0 {
            tracing::warn!(set = %self.engine.set, %error, "the set cannot be looked at: its view grows old");
        }
        self.armed = None;
        self.replica.end_load();
        self.engine.cell.become_mode(Mode::Disconnected);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures += 1;
        self.next_look = Instant::now() + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.is_behind = true;
        self.tell_waiters_of_look(Some(error));
    }

    fn publish(&mut self, steps: Vec<Step<T>>) {
        for Step { view, diff } in steps {
            self.engine.cell.publish(view, diff);
        }
        self.tell_waiters_of_version();
    }

    fn tell_waiters_of_version(&mut self) {
        let seen = self.version();
        for waiter in self.waiters.extract_if(.., |waiter| waiter.version <= seen) {
            (waiter.tell)(None);
        }
    }

    /// Tells those for whom the look that has ended is enough, and those who need not wait longer as it failed.
    fn tell_waiters_of_look(&mut self, failed: Option<BackendError>) {
        for waiter in self.waiters.extract_if(.., |waiter| waiter.look <= self.looks) {
            (waiter.tell)(failed.clone());
        }
    }
}

/// The look that is under way, if one is.
async fn under_way<T>(look: &mut Option<BoxFuture<'_, Looked<T>>>) -> Looked<T> {
    match look {
        Some(look) => look.await,
        None => pending().await,
    }
}

async fn disturbed(watch: Option<Arc<dyn SetWatch>>) {
    match watch {
        Some(watch) => watch.disturbed().await,
        None => pending().await,
    }
}
