//! Dead letters: how they are stored, and what is done with them.
//!
//! A record is one line of JSON about the death, a line feed, and the entry as it was: an entry of any bytes comes
//! out again unchanged, and a replay on the server only has to find the first line feed.

use redis::Value;
use serde::{Deserialize, Serialize};

use super::{
    keys::Keys,
    link::Link,
    reply,
    scripts::{DEAD_LETTERS, DELETE_DEAD, REPLAY, Request, TRIM_DEAD},
};
use crate::{
    backend::{BackendError, DeadLetter, DeadLetters, DeathReason, MAX_BATCH, Operation, Page, Retention, Selection},
    codec::millis,
    task::{QueueName, TaskId, Timestamp},
};

/// The first line of a record.
#[derive(Serialize, Deserialize)]
struct Obituary {
    reason: DeathReason,
    errors: Vec<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    enqueued_at: Option<Timestamp>,
}

/// A letter's stored form, without its ID and time of death, which stand in the index.
pub(super) fn record(letter: &DeadLetter) -> Vec<u8> {
    let DeadLetter { reason, errors, attempts, enqueued_at, .. } = letter;
    let obituary = Obituary { reason: *reason, errors: errors.clone(), attempts: *attempts, enqueued_at: *enqueued_at };
    #[expect(clippy::expect_used, reason = "numbers and texts have a JSON form")]
    let mut record = serde_json::to_vec(&obituary).expect("an obituary can be written");
    record.push(b'\n');
    record.extend_from_slice(&letter.entry);
    record
}

fn read(operation: Operation, id: &str, died_at: Timestamp, record: &[u8]) -> Result<DeadLetter, BackendError> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        reply::corrupt(operation, format!("the dead letter {id} cannot be read: {error}"))
    };
    let line = memchr::memchr(b'\n', record).ok_or_else(|| broken("it has one line only".into()))?;
    let Obituary { reason, errors, attempts, enqueued_at } =
        serde_json::from_slice(&record[..line]).map_err(|error| broken(error.into()))?;
    let id: TaskId = id.parse().map_err(|error| reply::corrupt(operation, error))?;
    let mut letter = DeadLetter::new(id, reason, errors, record[line + 1..].to_vec());
    letter = letter.with_history(attempts, enqueued_at);
    letter.died_at = died_at;
    Ok(letter)
}

pub(super) async fn list(link: &Link, queue: &QueueName, page: Page) -> Result<DeadLetters, BackendError> {
    let operation = Operation::DeadLetters;
    let keys = Keys::of(queue);
    let mut request = Request::script(&DEAD_LETTERS, &[keys.dead(), keys.dead_index()]);
    // The script reads the numbers as floats, which are exact up to here; no queue has so many letters.
    request.arg(page.offset.min(1 << 52)).arg(page.limit.min(MAX_BATCH));
    let reply = link.send(operation, &request).await?;
    let (total, letters): (usize, Vec<Value>) = reply::read(operation, reply)?;
    let mut fields = letters.into_iter();
    let mut letters = Vec::new();
    while let (Some(id), Some(died_at), Some(record)) = (fields.next(), fields.next(), fields.next()) {
        let record: Option<Vec<u8>> = reply::read(operation, record)?;
        // Indexed, but deleted by someone else's hand.
        let Some(record) = record else { continue };
        let (id, micros): (String, u64) = (reply::read(operation, id)?, reply::read(operation, died_at)?);
        letters.push(read(operation, &id, Timestamp::from_millis(micros / 1000), &record)?);
    }
    Ok(DeadLetters { letters, total })
}

pub(super) async fn replay(link: &Link, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
    let keys = Keys::of(queue);
    let keys = [keys.ready(), keys.dead(), keys.dead_index(), keys.stats(), keys.cancelled()];
    take(link, Operation::Replay, which, || Request::script(&REPLAY, &keys)).await
}

pub(super) async fn delete(link: &Link, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
    let keys = Keys::of(queue);
    let keys = [keys.dead(), keys.dead_index(), keys.stats()];
    take(link, Operation::DeleteDead, which, || Request::script(&DELETE_DEAD, &keys)).await
}

/// Calls a script for the letters of a selection: for all of them again and again, up to the time of the first call.
async fn take(
    link: &Link,
    operation: Operation,
    which: &Selection,
    script: impl Fn() -> Request,
) -> Result<usize, BackendError> {
    let mut taken = 0;
    let mut step = async |bound: &str, ids: &[TaskId]| {
        let mut request = script();
        request.arg(bound).arg(MAX_BATCH);
        for id in ids {
            request.arg(id.to_string());
        }
        let reply = link.send(operation, &request).await;
        let reply = reply.map_err(|error| if taken > 0 { error.maybe_applied() } else { error })?;
        let (seen, now_taken, bound): (usize, usize, String) = reply::read(operation, reply)?;
        taken += now_taken;
        Ok((seen, bound))
    };
    match which {
        Selection::Ids(ids) => {
            for ids in ids.chunks(MAX_BATCH) {
                step("", ids).await?;
            }
        }
        Selection::All => {
            let (mut seen, mut bound) = step("", &[]).await?;
            while seen == MAX_BATCH {
                (seen, bound) = step(&bound, &[]).await?;
            }
        }
    }
    Ok(taken)
}

pub(super) async fn trim(link: &Link, queue: &QueueName, retention: &Retention) -> Result<usize, BackendError> {
    let keys = Keys::of(queue);
    let mut request = Request::script(&TRIM_DEAD, &[keys.dead(), keys.dead_index(), keys.stats()]);
    request.arg(retention.count).arg(millis::of(retention.age)).arg(retention.bytes).arg(MAX_BATCH);
    let reply = link.send(Operation::TrimDead, &request).await?;
    reply::read(Operation::TrimDead, reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_an_entry_of_any_bytes() {
        for entry in [&b"{\"a\": 1}"[..], b"", b"\n", b"\xff\n\0"] {
            let letter = DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["a\nb".to_owned()], entry.to_vec())
                .with_history(3, Some(Timestamp::from_millis(7)));
            let read = read(Operation::DeadLetters, &letter.id.to_string(), Timestamp::default(), &record(&letter));
            assert_eq!(read.unwrap(), letter);
        }
    }

    #[test]
    fn a_record_of_someone_else_is_named() {
        use std::error::Error;
        let error = read(Operation::DeadLetters, "x1", Timestamp::default(), b"no record").unwrap_err();
        assert!(error.source().unwrap().to_string().contains("x1"), "{error:?}");
    }
}
