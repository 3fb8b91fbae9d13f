//! Sets: one script for each change however great it is, one for each look, and a watch over pushed invalidation.
//!
//! `entry` is the log's format, `stage` prepares changes of many members, `tracker` keeps the connection on which the
//! server tells of changes, `watch` is one set's share of it.

mod entry;
mod stage;
mod tracker;
mod watch;

use std::{collections::HashSet, fmt, time::Duration};

use async_trait::async_trait;
use redis::{FromRedisValue, RedisError, ServerErrorKind, Value};

pub(super) use self::tracker::Tracker;
use self::watch::Watch;
use super::{
    RedisBackend,
    keys::SetKeys,
    reply,
    scripts::{CHANGE_SET, COPY_SET, Request, SET_STATE},
};
use crate::{
    backend::{
        BackendError, BackendErrorKind, ChangeId, MAX_BATCH, Operation, SetBackend, SetChange, SetChanged, SetCopy,
        SetCursor, SetEdit, SetMark, SetName, SetNews, SetPage, SetState, SetWatch,
    },
    codec::millis,
};

/// How many of the latest changes the log keeps: what a burst of writers makes in a tenth of a second.
const LOG_ENTRIES: usize = 1024;

/// How many bytes they may have together. The latest is kept whatever its size.
const LOG_BYTES: usize = 256 * 1024;

/// How long a copy can be scanned.
const COPIED_FOR: Duration = Duration::from_secs(60);

/// Why a set cannot be used on a cluster.
#[derive(Debug, thiserror::Error)]
#[error(
    "the keys {set}:value, {set}:version and {set}:log lie in different slots of the cluster: name the set {{{set}}}"
)]
struct Scattered {
    set: SetName,
    source: BackendError,
}

#[async_trait]
impl SetBackend for RedisBackend {
    async fn set_state(&self, set: &SetName, since: Option<SetMark>) -> Result<SetState, BackendError> {
        let reply = self.send_for_set(Operation::SetState, set, &state_request(set, since)).await?;
        state(Operation::SetState, reply)
    }

    async fn scan_set(&self, set: &SetName, cursor: &SetCursor) -> Result<SetPage, BackendError> {
        const START_AND_END: &[u8] = b"0";
        let from = if *cursor == SetCursor::START { START_AND_END } else { &cursor.0 };
        let mut request = Request::command("SSCAN");
        request.arg(SetKeys::of(set).value()).arg(from).arg("COUNT").arg(MAX_BATCH);
        let reply = self.send_for_set(Operation::ScanSet, set, &request).await?;
        let (next, members): (Vec<u8>, Vec<Vec<u8>>) = reply::read(Operation::ScanSet, reply)?;
        Ok(SetPage { members, next: (next != START_AND_END).then_some(SetCursor(next)) })
    }

    async fn copy_set(&self, set: &SetName) -> Result<SetCopy, BackendError> {
        let operation = Operation::CopySet;
        let name = SetName::new(format!("{set}:copy:{}", ChangeId::random()))
            .map_err(|error| BackendError::new(BackendErrorKind::Config, operation).with_source(error))?;
        let [value, version, log] = SetKeys::of(set).all();
        let mut request = Request::script(&COPY_SET, &[value, version, log, SetKeys::of(&name).value()]);
        let reply = self.send_for_set(operation, set, request.arg(millis::of(COPIED_FOR))).await?;
        let (version, change, len): (u64, String, u64) = reply::read(operation, reply)?;
        Ok(SetCopy { name, mark: SetMark { version, change: change_of(&change), len } })
    }

    async fn change_set(&self, set: &SetName, change: &SetChange) -> Result<SetChanged, BackendError> {
        let (remove, add, most) = match &change.edit {
            SetEdit::Apply { remove, add } => {
                let add = distinct(add);
                let kept: HashSet<_> = add.iter().copied().collect();
                let mut remove = distinct(remove);
                remove.retain(|member| !kept.contains(member));
                (remove, add, MAX_BATCH)
            }
            SetEdit::Take { candidates, most } => (distinct(candidates), Vec::new(), most.get().min(MAX_BATCH)),
            SetEdit::Replace(members) => return stage::replace(self, set, change, &distinct(members)).await,
        };
        self.check_member_sizes(remove.iter().chain(&add).copied())?;
        if remove.len() + add.len() > MAX_BATCH {
            if let SetEdit::Take { .. } = change.edit {
                let source = format!("{} candidates are too many for one call, which takes {MAX_BATCH}", remove.len());
                return Err(BackendError::new(BackendErrorKind::TooLarge, Operation::ChangeSet).with_source(source));
            }
            return stage::apply(self, set, change, &remove, &add).await;
        }
        let mut request = Request::script(&CHANGE_SET, &SetKeys::of(set).all());
        add_change(&mut request, change);
        request.arg(most).arg(remove.len()).arg(remove).arg(add);
        changed(self.send_for_set(Operation::ChangeSet, set, &request).await?)
    }

    async fn set_contains(&self, set: &SetName, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = Request::command("SMISMEMBER");
        request.arg(SetKeys::of(set).value()).arg(members);
        reply::read(Operation::SetContains, self.send_for_set(Operation::SetContains, set, &request).await?)
    }

    async fn watch_set(&self, set: &SetName) -> Result<Box<dyn SetWatch>, BackendError> {
        let tracker = &self.inner.tracker;
        tracker.begin(&self.inner.io).await;
        Ok(Box::new(Watch::over(set.clone(), tracker)))
    }
}

impl RedisBackend {
    async fn send_for_set(
        &self,
        operation: Operation,
        set: &SetName,
        request: &Request,
    ) -> Result<Value, BackendError> {
        self.link().send(operation, request).await.map_err(|error| of_set(set, error))
    }

    fn check_member_sizes<'m>(&self, members: impl Iterator<Item = &'m [u8]>) -> Result<(), BackendError> {
        let most = self.inner.max_entry_bytes;
        match members.map(<[u8]>::len).find(|&bytes| bytes > most) {
            None => Ok(()),
            Some(bytes) => Err(BackendError::new(BackendErrorKind::TooLarge, Operation::ChangeSet)
                .with_source(format!("a member has {bytes} bytes, and the limit is {most}"))),
        }
    }
}

/// The error of a request for `set`, which says what to do about keys in different slots.
fn of_set(set: &SetName, error: BackendError) -> BackendError {
    let refusal = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<RedisError>());
    if !refusal.is_some_and(|refusal| refusal.kind() == ServerErrorKind::CrossSlot.into()) {
        return error;
    }
    let operation = error.operation();
    BackendError::new(BackendErrorKind::Config, operation).with_source(Scattered { set: set.clone(), source: error })
}

fn distinct(members: &[Vec<u8>]) -> Vec<&[u8]> {
    let mut seen = HashSet::with_capacity(members.len());
    members.iter().map(Vec::as_slice).filter(|member| seen.insert(*member)).collect()
}

/// The arguments that every change begins with.
fn add_change(request: &mut Request, change: &SetChange) {
    request.arg(change.id.to_string());
    match change.expected {
        Some(version) => request.arg(version),
        None => request.arg(""),
    };
    request.arg(LOG_ENTRIES).arg(LOG_BYTES);
}

fn state_request(set: &SetName, since: Option<SetMark>) -> Request {
    let mut request = Request::script(&SET_STATE, &SetKeys::of(set).all());
    match since {
        Some(SetMark { version, change, len }) => request.arg(version).arg(change_text(change)).arg(len),
        None => request.arg("").arg("").arg(""),
    };
    request.arg(MAX_BATCH);
    request
}

fn state(operation: Operation, reply: Value) -> Result<SetState, BackendError> {
    let (version, change, len, kind, list): (u64, String, u64, u8, Value) = reply::read(operation, reply)?;
    let news = match kind {
        0 => SetNews::Scan,
        1 => {
            let entries: Vec<Option<Vec<u8>>> = reply::read(operation, list)?;
            let delta = |entry: Option<Vec<u8>>| entry::parse(&entry.unwrap_or_default());
            SetNews::Deltas(
                entries
                    .into_iter()
                    .map(delta)
                    .collect::<Result<_, _>>()
                    .map_err(|error| reply::corrupt(operation, error))?,
            )
        }
        _ => SetNews::Members(reply::read(operation, list)?),
    };
    Ok(SetState { mark: SetMark { version, change: change_of(&change), len }, news })
}

/// The answer of a change.
fn changed(reply: Value) -> Result<SetChanged, BackendError> {
    let operation = Operation::ChangeSet;
    let parts: Vec<Value> = reply::read(operation, reply)?;
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    Ok(match read_applied::<i64>(next())? {
        1 => SetChanged::Changed(
            entry::parse(&read_applied::<Vec<u8>>(next())?)
                .map_err(|error| reply::corrupt(operation, error).maybe_applied())?,
        ),
        0 => {
            let (version, change, len) =
                (read_applied(next())?, read_applied::<String>(next())?, read_applied(next())?);
            SetChanged::Unchanged(SetMark { version, change: change_of(&change), len })
        }
        _ => SetChanged::Conflict(read_applied(next())?),
    })
}

fn read_applied<T: FromRedisValue>(value: Value) -> Result<T, BackendError> {
    reply::read(Operation::ChangeSet, value)
}

/// A change as the scripts write it, where `-` is none.
fn change_of(text: &str) -> Option<ChangeId> {
    u64::from_str_radix(text, 16).ok().map(ChangeId)
}

fn change_text(change: Option<ChangeId>) -> impl fmt::Display + redis::ToRedisArgs {
    change.map_or_else(|| "-".to_owned(), |change| change.to_string())
}
