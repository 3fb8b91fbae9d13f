//! Changes of more members than one script takes: they are staged beside the set, a slice a call, and then made in one
//! step. What nobody makes expires.

use std::time::Duration;

use super::{RedisBackend, add_change, changed, of_set};
use crate::{
    backend::{
        BackendError, MAX_BATCH, Operation, SetChange, SetChanged, SetName,
        redis::{
            keys::SetKeys,
            scripts::{COMMIT_SET, Request},
        },
    },
    codec::millis,
};

/// How long a staged member waits for the change.
const STAGED_FOR: Duration = Duration::from_secs(60);

/// Removes the ones and adds the others, which have none in common.
pub(super) async fn apply(
    backend: &RedisBackend,
    set: &SetName,
    change: &SetChange,
    remove: &[&[u8]],
    add: &[&[u8]],
) -> Result<SetChanged, BackendError> {
    stage(backend, set, &SetKeys::of(set).staged_to_remove(change.id), remove).await?;
    stage(backend, set, &SetKeys::of(set).staged_to_add(change.id), add).await?;
    commit(backend, set, change, add.len(), remove.len(), false).await
}

pub(super) async fn replace(
    backend: &RedisBackend,
    set: &SetName,
    change: &SetChange,
    members: &[&[u8]],
) -> Result<SetChanged, BackendError> {
    backend.check_member_sizes(members.iter().copied())?;
    stage(backend, set, &SetKeys::of(set).staged_to_add(change.id), members).await?;
    commit(backend, set, change, members.len(), 0, true).await
}

async fn stage(backend: &RedisBackend, set: &SetName, key: &str, members: &[&[u8]]) -> Result<(), BackendError> {
    for slice in members.chunks(MAX_BATCH) {
        let mut request = Request::command("SADD");
        request.arg(key).arg(slice);
        request.add_command("PEXPIRE").arg(key).arg(millis::of(STAGED_FOR));
        backend.link().send_all(Operation::ChangeSet, &request).await.map_err(|error| of_set(set, error))?;
    }
    Ok(())
}

async fn commit(
    backend: &RedisBackend,
    set: &SetName,
    change: &SetChange,
    to_add: usize,
    to_remove: usize,
    replaces: bool,
) -> Result<SetChanged, BackendError> {
    let keys = SetKeys::of(set);
    let [value, version, log] = keys.all();
    let all = [value, version, log, keys.staged_to_add(change.id), keys.staged_to_remove(change.id)];
    let mut request = Request::script(&COMMIT_SET, &all);
    add_change(&mut request, change);
    request.arg(to_add).arg(to_remove).arg(u8::from(replaces));
    changed(backend.send_for_set(Operation::ChangeSet, set, &request).await?)
}
