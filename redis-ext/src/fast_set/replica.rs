//! The copy of the set, and what leads it from one version to the next. It waits for nothing and knows no clock.

use std::sync::Arc;

use super::{SetMember, changes::Diff, members::Members, snapshot::View};
use crate::backend::{SetDelta, SetMark};

/// How many changes are remembered while a load is under way, and how many wait for one that is to come before them.
const MOST_DELTAS: usize = 1024;

pub(super) struct Replica<T> {
    /// Where it stands; nowhere before the first load.
    mark: Option<SetMark>,
    members: Members<T>,
    /// What was applied since the load that is under way began, the earliest first; nothing while none is.
    since_load: Option<Vec<SetDelta>>,
    /// Changes that do not begin where the copy stands, but may soon.
    early: Vec<SetDelta>,
}

/// A step that was made.
pub(super) struct Step<T> {
    pub(super) view: View<T>,
    pub(super) diff: Option<Diff<T>>,
}

impl<T: SetMember> Replica<T> {
    pub(super) fn new() -> Self {
        Self { mark: None, members: Members::new(), since_load: None, early: Vec::new() }
    }

    pub(super) fn mark(&self) -> Option<SetMark> {
        self.mark
    }

    /// A load begins: what is applied from here on may be newer than what it brings.
    pub(super) fn begin_load(&mut self) {
        self.since_load = Some(Vec::new());
    }

    pub(super) fn end_load(&mut self) {
        self.since_load = None;
    }

    /// Makes the step that `delta` is, if it begins where the copy stands, and those that waited for it. A step that does
    /// not begin here is kept for a while.
    pub(super) fn apply(&mut self, delta: SetDelta) -> Vec<Step<T>> {
        let mut steps = Vec::new();
        let mut next = Some(delta);
        while let Some(delta) = next {
            if self.mark == Some(delta.before) && delta.members.is_some() {
                steps.push(self.step(delta));
            } else if self.mark.is_some_and(|mark| mark.version < delta.before.version)
                && self.early.len() < MOST_DELTAS
            {
                self.early.push(delta);
                break;
            }
            let version = self.mark.map_or(0, |mark| mark.version);
            self.early.retain(|early| version <= early.before.version);
            let fits = self.early.iter().position(|early| Some(early.before) == self.mark);
            next = fits.map(|at| self.early.swap_remove(at));
        }
        steps
    }

    fn step(&mut self, delta: SetDelta) -> Step<T> {
        let (mut added, mut removed) = (Vec::new(), Vec::<Arc<T>>::new());
        if let Some(members) = &delta.members {
            removed.extend(members.removed.iter().filter_map(|member| self.members.remove(member)));
            for value in members.added.iter().filter_map(|member| self.members.insert(member)) {
                // Spelt in another way, it is the same.
                match removed.iter().position(|gone| *gone == value) {
                    Some(at) => drop(removed.swap_remove(at)),
                    None => added.push(value),
                }
            }
        }
        self.mark = Some(delta.after);
        if let Some(since_load) = self.since_load.as_mut().filter(|deltas| deltas.len() < MOST_DELTAS) {
            since_load.push(delta);
        }
        Step { view: self.view(), diff: Some(Diff { added, removed }) }
    }

    /// Takes over what a load has brought, which began at the mark `begun_at`; nothing if the copy is newer and that
    /// cannot be made up for.
    pub(super) fn replace(&mut self, begun_at: Option<SetMark>, mark: SetMark, members: Members<T>) -> Option<Step<T>> {
        let mut loaded = Self { mark: Some(mark), members, since_load: None, early: Vec::new() };
        for delta in self.since_load.take().unwrap_or_default() {
            if loaded.mark == Some(delta.before) {
                loaded.step(delta);
            }
        }
        let version_of = |mark: Option<SetMark>| mark.map_or(0, |mark| mark.version);
        // A store whose version was lower than the copy's already when the load began has been reset.
        let was_reset = mark.version < version_of(begun_at);
        if version_of(loaded.mark) < version_of(self.mark) && !was_reset {
            return None;
        }
        self.mark = loaded.mark;
        self.members = loaded.members;
        self.early.retain(|early| version_of(loaded.mark) <= early.before.version);
        Some(Step { view: self.view(), diff: None })
    }

    fn view(&self) -> View<T> {
        View { mark: self.mark.unwrap_or(SetMark::NEW), members: self.members.clone() }
    }
}
