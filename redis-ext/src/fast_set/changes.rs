//! What was added and removed, as a stream in the order of the versions.

use std::{
    fmt,
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    Stream,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::snapshot::Snapshot;

/// What came and went between two versions of a set.
///
/// # Examples
/// See [`FastSet::changes`](super::FastSet::changes).
#[non_exhaustive]
pub struct Change<T> {
    /// The set afterwards.
    pub snapshot: Snapshot<T>,
    /// What came.
    pub added: Vec<Arc<T>>,
    /// What went.
    pub removed: Vec<Arc<T>>,
}

impl<T: fmt::Debug> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("version", &self.snapshot.version())
            .field("added", &self.added)
            .field("removed", &self.removed)
            .finish()
    }
}

/// The changes of a set, one after the other. It ends with the set's owner.
///
/// Each version is a change of its own, as long as each is seen. Versions that could not be seen one by one come as one
/// change, and so do those of which a slow reader would otherwise miss some: added up, the changes are always the set.
///
/// # Examples
/// See [`FastSet::changes`](super::FastSet::changes).
pub struct Changes<T>(BoxStream<'static, Change<T>>);

/// A view that took the place of another.
pub(super) struct Published<T> {
    pub(super) before: Snapshot<T>,
    pub(super) after: Snapshot<T>,
    pub(super) diff: Option<Diff<T>>,
}

/// What one view has more and less than another.
pub(super) struct Diff<T> {
    pub(super) added: Vec<Arc<T>>,
    pub(super) removed: Vec<Arc<T>>,
}

impl<T: Eq + Hash> Diff<T> {
    fn between(before: &Snapshot<T>, after: &Snapshot<T>) -> Self {
        let only_in = |one: &Snapshot<T>, other: &Snapshot<T>| -> Vec<_> {
            one.shared().filter(|value| !other.contains(&***value)).cloned().collect()
        };
        Self { added: only_in(after, before), removed: only_in(before, after) }
    }
}

impl<T: Eq + Hash + Send + Sync + 'static> Changes<T> {
    pub(super) fn of(receiver: Receiver<Arc<Published<T>>>, seen: Snapshot<T>) -> Self {
        let changes = stream::unfold((receiver, seen), |(mut receiver, mut seen)| async {
            loop {
                let published = match receiver.recv().await {
                    Ok(published) => published,
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return None,
                };
                let follows = Arc::ptr_eq(&published.before.0, &seen.0);
                let Diff { added, removed } = match &published.diff {
                    Some(diff) if follows => Diff { added: diff.added.clone(), removed: diff.removed.clone() },
                    _ => Diff::between(&seen, &published.after),
                };
                seen = published.after.clone();
                if !(added.is_empty() && removed.is_empty()) {
                    return Some((Change { snapshot: seen.clone(), added, removed }, (receiver, seen)));
                }
            }
        });
        Self(Box::pin(changes))
    }
}

impl<T> Stream for Changes<T> {
    type Item = Change<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}
