//! The sets role: each set is a state machine with a log of its latest changes, and rings the bells of its watches.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use redis_ext::{
    BackendError, BackendErrorKind, SetName,
    backend::{
        ArmedState, ChangeId, DeltaMembers, MAX_BATCH, Operation, SetBackend, SetChange, SetChanged, SetCopy,
        SetCursor, SetDelta, SetEdit, SetMark, SetNews, SetPage, SetState, SetWatch,
    },
};
use tokio::{sync::Notify, time::Instant};

use crate::{MemoryBackend, faults::FaultPlan};

/// How many of the latest changes are kept, as on Redis.
const LOG_ENTRIES: usize = 1024;

/// How long a copy can be scanned.
const COPIED_FOR: Duration = Duration::from_secs(60);

/// All sets.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    sets: Mutex<HashMap<SetName, Arc<Mutex<Set>>>>,
    /// The copies among them, and when they were made.
    copies: Mutex<Vec<(SetName, Instant)>>,
}

#[derive(Debug, Default)]
struct Set {
    members: BTreeSet<Vec<u8>>,
    version: u64,
    log: VecDeque<SetDelta>,
    bells: Vec<Arc<Bell>>,
}

/// What one watch has heard since it was armed.
#[derive(Debug, Default)]
struct Bell {
    armed: AtomicBool,
    disturbed: AtomicBool,
    touched: AtomicBool,
    wake: Notify,
}

impl Sets {
    fn of(&self, name: &SetName) -> Arc<Mutex<Set>> {
        Arc::clone(lock(&self.sets).entry(name.clone()).or_default())
    }

    /// Keeps a copy, and forgets those whose time is over.
    fn keep_copy(&self, name: SetName, members: BTreeSet<Vec<u8>>) {
        let (mut sets, mut copies) = (lock(&self.sets), lock(&self.copies));
        for (old, _) in copies.extract_if(.., |(_, made)| made.elapsed() > COPIED_FOR) {
            sets.remove(&old);
        }
        sets.insert(name.clone(), Arc::new(Mutex::new(Set { members, ..Set::default() })));
        copies.push((name, Instant::now()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Set {
    fn mark(&self) -> SetMark {
        let change = self.log.back().filter(|delta| delta.after.version == self.version);
        SetMark {
            version: self.version,
            change: change.and_then(|delta| delta.after.change),
            len: self.members.len() as u64,
        }
    }

    fn state(&self, since: Option<SetMark>) -> SetState {
        let mark = self.mark();
        let news = match since.and_then(|since| self.deltas(since, mark)) {
            Some(deltas) => SetNews::Deltas(deltas),
            None if self.members.len() <= MAX_BATCH => SetNews::Members(self.members.iter().cloned().collect()),
            None => SetNews::Scan,
        };
        SetState { mark, news }
    }

    fn deltas(&self, since: SetMark, mark: SetMark) -> Option<Vec<SetDelta>> {
        if since == mark {
            return Some(Vec::new());
        }
        let from = self.log.iter().position(|delta| delta.before == since)?;
        let is_linked = mark.change.is_some() && self.log.len() - from <= MAX_BATCH;
        is_linked.then(|| self.log.range(from..).cloned().collect())
    }

    fn change(&mut self, change: &SetChange) -> SetChanged {
        if let Some(made) = self.log.iter().rfind(|delta| delta.after.change == Some(change.id)) {
            return SetChanged::Changed(made.clone());
        }
        if change.expected.is_some_and(|expected| expected != self.version) {
            return SetChanged::Conflict(self.version);
        }
        let DeltaMembers { removed, added } = self.effect_of(&change.edit);
        if removed.is_empty() && added.is_empty() {
            return SetChanged::Unchanged(self.mark());
        }
        let before = self.mark();
        for member in &removed {
            self.members.remove(member);
        }
        self.members.extend(added.iter().cloned());
        self.version += 1;
        let after = SetMark { version: self.version, change: Some(change.id), len: self.members.len() as u64 };
        let delta = SetDelta {
            before,
            after,
            removed: removed.len() as u64,
            added: added.len() as u64,
            members: (removed.len() + added.len() <= MAX_BATCH).then_some(DeltaMembers { removed, added }),
        };
        if self.log.len() == LOG_ENTRIES {
            self.log.pop_front();
        }
        self.log.push_back(delta.clone());
        self.ring(true);
        SetChanged::Changed(delta)
    }

    /// What an edit really removes and adds.
    fn effect_of(&self, edit: &SetEdit) -> DeltaMembers {
        let is_member = |member: &&Vec<u8>| self.members.contains(*member);
        match edit {
            SetEdit::Apply { remove, add } => {
                let added: HashSet<_> = add.iter().collect();
                let removed: HashSet<_> = remove.iter().filter(|member| !added.contains(member)).collect();
                DeltaMembers {
                    removed: removed.into_iter().filter(is_member).cloned().collect(),
                    added: added.into_iter().filter(|member| !is_member(member)).cloned().collect(),
                }
            }
            SetEdit::Take { candidates, most } => {
                let mut seen = HashSet::new();
                let distinct = candidates.iter().filter(|member| seen.insert(*member));
                DeltaMembers {
                    removed: distinct.filter(is_member).take(most.get()).cloned().collect(),
                    added: Vec::new(),
                }
            }
            SetEdit::Replace(members) => {
                let members: HashSet<_> = members.iter().collect();
                DeltaMembers {
                    removed: self.members.iter().filter(|member| !members.contains(member)).cloned().collect(),
                    added: members.into_iter().filter(|member| !is_member(member)).cloned().collect(),
                }
            }
        }
    }

    fn ring(&mut self, touched: bool) {
        self.bells.retain(|bell| Arc::strong_count(bell) > 1);
        for bell in self.bells.iter().filter(|bell| bell.armed.swap(false, SeqCst)) {
            bell.touched.fetch_or(touched, SeqCst);
            bell.disturbed.store(true, SeqCst);
            bell.wake.notify_one();
        }
    }
}

#[async_trait]
impl SetBackend for MemoryBackend {
    async fn set_state(&self, set: &SetName, since: Option<SetMark>) -> Result<SetState, BackendError> {
        self.faults.around(Operation::SetState, async { Ok(lock(&self.sets.of(set)).state(since)) }).await
    }

    async fn scan_set(&self, set: &SetName, cursor: &SetCursor) -> Result<SetPage, BackendError> {
        let scan = async {
            let place = self.sets.of(set);
            let set = lock(&place);
            let from = if *cursor == SetCursor::START { Bound::Unbounded } else { Bound::Excluded(cursor.0.clone()) };
            let mut rest = set.members.range((from, Bound::Unbounded));
            let members: Vec<_> = rest.by_ref().take(MAX_BATCH).cloned().collect();
            let next = rest.next().and_then(|_| members.last().cloned()).map(SetCursor);
            Ok(SetPage { members, next })
        };
        self.faults.around(Operation::ScanSet, scan).await
    }

    async fn copy_set(&self, set: &SetName) -> Result<SetCopy, BackendError> {
        let copy = async {
            let name = SetName::new(format!("{set}:copy:{}", ChangeId::random()))
                .map_err(|error| BackendError::new(BackendErrorKind::Config, Operation::CopySet).with_source(error))?;
            let place = self.sets.of(set);
            let (members, mark) = {
                let set = lock(&place);
                (set.members.clone(), set.mark())
            };
            self.sets.keep_copy(name.clone(), members);
            Ok(SetCopy { name, mark })
        };
        self.faults.around(Operation::CopySet, copy).await
    }

    async fn change_set(&self, set: &SetName, change: &SetChange) -> Result<SetChanged, BackendError> {
        let (most, limit) = match &change.edit {
            SetEdit::Apply { remove, add } => (remove.iter().chain(add).map(Vec::len).max(), usize::MAX),
            SetEdit::Take { candidates, .. } => (candidates.iter().map(Vec::len).max(), candidates.len()),
            SetEdit::Replace(members) => (members.iter().map(Vec::len).max(), usize::MAX),
        };
        if most.is_some_and(|bytes| bytes > self.max_entry_bytes) || (limit != usize::MAX && limit > MAX_BATCH) {
            return Err(BackendError::new(BackendErrorKind::TooLarge, Operation::ChangeSet));
        }
        self.faults.around(Operation::ChangeSet, async { Ok(lock(&self.sets.of(set)).change(change)) }).await
    }

    async fn set_contains(&self, set: &SetName, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError> {
        let look = async {
            let place = self.sets.of(set);
            let set = lock(&place);
            Ok(members.iter().map(|member| set.members.contains(member)).collect())
        };
        self.faults.around(Operation::SetContains, look).await
    }

    async fn watch_set(&self, set: &SetName) -> Result<Box<dyn SetWatch>, BackendError> {
        let bell = Arc::<Bell>::default();
        let place = self.sets.of(set);
        lock(&place).bells.push(Arc::clone(&bell));
        Ok(Box::new(Watch { place, bell, faults: Arc::clone(&self.faults), unbroken: AtomicBool::new(false) }))
    }
}

struct Watch {
    place: Arc<Mutex<Set>>,
    bell: Arc<Bell>,
    faults: Arc<FaultPlan>,
    unbroken: AtomicBool,
}

#[async_trait]
impl SetWatch for Watch {
    async fn arm(&self, since: Option<SetMark>) -> Result<ArmedState, BackendError> {
        let arm = async {
            let set = lock(&self.place);
            self.bell.armed.store(true, SeqCst);
            self.bell.disturbed.store(false, SeqCst);
            let touched = self.bell.touched.swap(false, SeqCst);
            Ok(ArmedState { state: set.state(since), unbroken: self.unbroken.swap(true, SeqCst), touched })
        };
        let armed = self.faults.around(Operation::WatchSet, arm).await;
        if armed.is_err() {
            self.unbroken.store(false, SeqCst);
        }
        armed
    }

    async fn confirm(&self) -> Result<bool, BackendError> {
        let confirmed = self.faults.around(Operation::WatchSet, async { Ok(!self.bell.disturbed.load(SeqCst)) }).await;
        if confirmed.is_err() {
            self.unbroken.store(false, SeqCst);
        }
        confirmed
    }

    async fn disturbed(&self) {
        while !self.bell.disturbed.load(SeqCst) {
            self.bell.wake.notified().await;
        }
    }
}

/// For tests.
impl MemoryBackend {
    /// The members of a set, in the order of their bytes.
    ///
    /// # Examples
    /// ```
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// assert!(MemoryBackend::new().set_members(&"flags".parse()?).is_empty());
    /// # Ok::<(), redis_ext::backend::InvalidSetName>(())
    /// ```
    #[must_use]
    pub fn set_members(&self, set: &SetName) -> Vec<Vec<u8>> {
        lock(&self.sets.of(set)).members.iter().cloned().collect()
    }

    /// Changes a set as other programs do, which keep no log: `edit` gets the members, and `version` becomes the set's
    /// version, or stays what it is.
    ///
    /// # Examples
    /// ```
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// let (backend, flags) = (MemoryBackend::new(), "flags".parse()?);
    /// backend.edit_set_without_a_log(&flags, None, |members| {
    ///     members.insert(b"\"dark_mode\"".to_vec());
    /// });
    /// assert_eq!(backend.set_members(&flags), [b"\"dark_mode\""]);
    /// # Ok::<(), redis_ext::backend::InvalidSetName>(())
    /// ```
    pub fn edit_set_without_a_log(
        &self,
        set: &SetName,
        version: Option<u64>,
        edit: impl FnOnce(&mut BTreeSet<Vec<u8>>),
    ) {
        let place = self.sets.of(set);
        let mut set = lock(&place);
        let before = set.members.clone();
        edit(&mut set.members);
        set.version = version.unwrap_or(set.version);
        let touched = set.members != before;
        set.ring(touched);
    }
}
