//! Claiming and settling: one request each way, however many tasks it carries.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use redis::{Script, Value};

use super::{
    keys::{Keys, claim_keys},
    letters, reply,
    scripts::{CLAIM, CLAIM_LANDED, Request, SETTLE},
};
use crate::{
    backend::{
        BackendError, BatchId, Claim, Claimed, ClaimedBatch, Disposition, Lease, MAX_BATCH, Operation, Settlement,
    },
    codec::millis,
    task::Timestamp,
};

/// What a claim's reply tells.
pub(super) struct Answer {
    pub(super) batch: ClaimedBatch,
    pub(super) paused: bool,
    /// How long the incarnation's lease still runs.
    pub(super) lease_left: Duration,
}

/// The script that claims.
pub(super) fn claim_request(lease: &Lease, claim: Claim) -> Request {
    let mut request = Request::new();
    add_claim(&mut request, &CLAIM, lease, claim);
    request
}

/// Adds the script that claims behind a blocking move.
pub(super) fn add_claim_of_landed(request: &mut Request, lease: &Lease, claim: Claim) {
    add_claim(request, &CLAIM_LANDED, lease, claim);
}

fn add_claim(request: &mut Request, script: &'static Script, lease: &Lease, claim: Claim) {
    request.add_script(script, &claim_keys(lease, Some(claim.batch))).arg(lease.worker.to_string());
    request.arg(claim.batch.0).arg(most(claim));
}

fn most(claim: Claim) -> usize {
    claim.max.get().min(MAX_BATCH)
}

/// The scripts that settle, one for each batch, of which the last one claims `next`.
pub(super) fn settle_request(lease: &Lease, settlements: &[Settlement], next: Option<Claim>) -> Request {
    let mut batches: BTreeMap<BatchId, Vec<&Settlement>> = BTreeMap::new();
    for settlement in settlements {
        batches.entry(settlement.receipt.batch).or_default().push(settlement);
    }
    let mut request = Request::new();
    let first = batches.keys().next().copied();
    // What goes back to the head of the queue must end up in the order of the claims: the earliest batch comes last.
    for (batch, settlements) in batches.into_iter().rev() {
        add_settle(&mut request, lease, Some(batch), settlements, next.filter(|_| Some(batch) == first));
    }
    match next {
        Some(claim) if request.is_empty() => add_claim(&mut request, &CLAIM, lease, claim),
        None if request.is_empty() => add_settle(&mut request, lease, None, Vec::new(), None),
        _ => {}
    }
    request
}

fn add_settle(
    request: &mut Request,
    lease: &Lease,
    batch: Option<BatchId>,
    mut settlements: Vec<&Settlement>,
    next: Option<Claim>,
) {
    settlements.sort_by_key(|settlement| settlement.receipt.index);
    settlements.dedup_by_key(|settlement| settlement.receipt.index);
    let (queue, worker) = (Keys::of(&lease.queue), lease.worker);
    let number = batch.map_or_else(String::new, |batch| batch.0.to_string());
    let mut keys = claim_keys(lease, next.map(|claim| claim.batch));
    keys.extend([queue.batch(worker, &number), queue.settled(worker, &number)]);
    keys.extend([queue.scheduled(), queue.dead(), queue.dead_index(), queue.stats()]);
    let locks_from = keys.len() + 1;
    let locks = settlements.iter().filter_map(|settlement| settlement.unlock.as_ref());
    keys.extend(locks.map(|(digest, _)| queue.unique(digest)));

    request.add_script(&SETTLE, &keys).arg(worker.to_string()).arg(number).arg(settlements.len());
    request.arg(indexes(&settlements));
    match next {
        Some(claim) => request.arg(claim.batch.0).arg(most(claim)),
        None => request.arg("").arg(0),
    };
    let mut lock = locks_from;
    for settlement in settlements {
        let index = settlement.receipt.index;
        match &settlement.disposition {
            Disposition::Done => {}
            Disposition::Cancelled { id } => {
                request.arg(index).arg("cancelled").arg(id.to_string()).arg("");
            }
            Disposition::Retry { id, entry, delay } => {
                request.arg(index).arg("retry").arg(super::enqueue::member(*id, entry)).arg(millis::of(*delay));
            }
            Disposition::Dead(letter) => {
                request.arg(index).arg("dead").arg(letter.id.to_string()).arg(letters::record(letter));
            }
            Disposition::Release { entry } => {
                request.arg(index).arg("release").arg(entry).arg("");
            }
        }
        if let Some((_, id)) = &settlement.unlock {
            request.arg(index).arg("unlock").arg(lock).arg(id.to_string());
            lock += 1;
        }
    }
}

/// The places of the tasks within their batch, with spaces between them.
fn indexes(settlements: &[&Settlement]) -> String {
    let mut text = String::with_capacity(settlements.len() * 4);
    for settlement in settlements {
        if !text.is_empty() {
            text.push(' ');
        }
        // A String takes whatever is written.
        let _ = write!(text, "{}", settlement.receipt.index);
    }
    text
}

/// Reads the reply of a script that claims; see `_claim.lua`.
pub(super) fn answer(operation: Operation, batch: Option<BatchId>, reply: Value) -> Result<Answer, BackendError> {
    let (at, paused, lease_left, entries, any_cancelled): (u64, bool, i64, Vec<Vec<u8>>, bool) =
        reply::read(operation, reply)?;
    let tasks = match batch {
        Some(batch) => {
            entries.into_iter().enumerate().map(|(index, entry)| Claimed::new(entry, batch, index)).collect()
        }
        None => Vec::new(),
    };
    Ok(Answer {
        batch: ClaimedBatch { tasks, at: Timestamp::from_millis(at), any_cancelled },
        paused,
        lease_left: Duration::from_millis(u64::try_from(lease_left).unwrap_or(0)),
    })
}
