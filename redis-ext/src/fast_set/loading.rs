//! Finding out where the set stands, and catching up: by the log where it leads from here to there, else by a load of
//! everything, in parts.

use tokio::time::Instant;

use super::{SetMember, members::Members};
use crate::backend::{
    BackendError, BackendErrorKind, DeltaMembers, Operation, SetBackend, SetCursor, SetDelta, SetMark, SetName,
    SetNews, SetState, SetWatch,
};

/// How often a load of many parts is begun because of others who change the set meanwhile and keep no log, before the
/// store is asked to hold a copy still, which costs it as much time and memory as the set is large.
const LOAD_ATTEMPTS: usize = 3;

/// Looks at the set, with the watch if there is one that can be armed.
pub(super) struct Loader<'b> {
    pub(super) backend: &'b dyn SetBackend,
    pub(super) set: &'b SetName,
    pub(super) watch: Option<&'b dyn SetWatch>,
}

/// What was found out.
pub(super) struct Found<T> {
    /// A moment at which the store stood there, or a little before one.
    pub(super) at: Instant,
    pub(super) mark: SetMark,
    /// The mark at which the watch was armed, if it was.
    pub(super) armed: Option<SetMark>,
    pub(super) news: News<T>,
}

pub(super) enum News<T> {
    /// Steps that lead there.
    Deltas(Vec<SetDelta>),
    /// All there is.
    Members(Members<T>),
}

struct Look {
    at: Instant,
    state: SetState,
    armed: Option<SetMark>,
    /// The set may have changed without a trace in the version.
    is_suspect: bool,
}

impl Loader<'_> {
    /// Catches up from `known`; `armed` is where the watch was armed last.
    pub(super) async fn catch_up<T>(
        &self,
        known: Option<SetMark>,
        armed: Option<SetMark>,
    ) -> Result<Found<T>, BackendError>
    where
        T: SetMember,
    {
        let mut look = self.look(known, armed).await?;
        if let Some(known) = known
            && !look.is_suspect
            && let SetNews::Deltas(deltas) = &mut look.state.news
            && leads(known, deltas, look.state.mark)
        {
            let deltas = std::mem::take(deltas);
            return Ok(Found { at: look.at, mark: look.state.mark, armed: look.armed, news: News::Deltas(deltas) });
        }
        for _ in 0..LOAD_ATTEMPTS {
            if let SetNews::Deltas(_) = look.state.news {
                look = self.look(None, look.armed).await?;
            }
            let begun_at = look.state.mark;
            let members = match look.state.news {
                // All of one moment.
                SetNews::Members(members) => {
                    let members = Members::of(&members);
                    return Ok(Found { at: look.at, mark: begun_at, armed: look.armed, news: News::Members(members) });
                }
                _ => self.scan(self.set).await?,
            };
            look = self.look(Some(begun_at), look.armed).await?;
            if let Some(members) = settle(members, begun_at, &look) {
                let news = News::Members(members);
                return Ok(Found { at: look.at, mark: look.state.mark, armed: look.armed, news });
            }
        }
        let copy = self.backend.copy_set(self.set).await?;
        let members = self.scan(&copy.name).await?;
        if members.spellings() != copy.mark.len {
            return Err(BackendError::new(BackendErrorKind::Unavailable, Operation::ScanSet)
                .with_source("the copy of the set was gone before it was scanned"));
        }
        Ok(Found { at: look.at, mark: copy.mark, armed: look.armed, news: News::Members(members) })
    }

    async fn look(&self, since: Option<SetMark>, armed: Option<SetMark>) -> Result<Look, BackendError> {
        let at = Instant::now();
        if let Some(watch) = self.watch {
            match watch.arm(since).await {
                Ok(now) => {
                    let mark = now.state.mark;
                    let is_suspect = !now.unbroken || (now.touched && armed == Some(mark));
                    return Ok(Look { at, state: now.state, armed: Some(mark), is_suspect });
                }
                Err(error) => tracing::debug!(set = %self.set, %error, "changes are not pushed"),
            }
        }
        let at = Instant::now();
        let state = self.backend.set_state(self.set, since).await?;
        // While the watch was breaking, it told of nothing.
        Ok(Look { at, state, armed: None, is_suspect: armed.is_some() })
    }

    async fn scan<T>(&self, set: &SetName) -> Result<Members<T>, BackendError>
    where
        T: SetMember,
    {
        let (mut members, mut cursor) = (Members::new(), SetCursor::START);
        loop {
            let page = self.backend.scan_set(set, &cursor).await?;
            for member in &page.members {
                members.insert(member);
            }
            match page.next {
                Some(next) => cursor = next,
                None => return Ok(members),
            }
        }
    }
}

/// Whether the deltas lead from one mark to the other, and can be followed.
fn leads(from: SetMark, deltas: &[SetDelta], to: SetMark) -> bool {
    let end = deltas
        .iter()
        .try_fold(from, |mark, delta| (delta.before == mark && delta.members.is_some()).then_some(delta.after));
    end == Some(to)
}

/// Makes what was scanned from `begun_at` on what the set was at the look after it, if that is possible: whatever came
/// or went meanwhile may have been seen or not, but the log tells where it ended.
fn settle<T>(mut members: Members<T>, begun_at: SetMark, look: &Look) -> Option<Members<T>>
where
    T: SetMember,
{
    let SetNews::Deltas(deltas) = &look.state.news else { return None };
    if look.is_suspect || !leads(begun_at, deltas, look.state.mark) {
        return None;
    }
    for DeltaMembers { removed, added } in deltas.iter().filter_map(|delta| delta.members.as_ref()) {
        for member in removed {
            members.remove(member);
        }
        for member in added {
            members.insert(member);
        }
    }
    (members.spellings() == look.state.mark.len).then_some(members)
}
