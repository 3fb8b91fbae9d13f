//! What rules, payloads and settlements look like to the scripts, and what their answers mean.

use redis::Value;

use super::super::{enqueue::LONGEST_TTL_MS, keys::Keys, reply, scripts::Request};
use crate::{
    backend::{
        BackendError, ClaimedFirings, Due, Firing, FiringOutcome, FiringSettled, FiringSettlement, Operation,
        PayloadRule, Quarantined, Repeat, Trigger, TriggerRules, Triggered,
    },
    codec::millis,
    task::{QueueName, TaskId, Timestamp},
};

/// Adds the arguments 1 to 7 of `debounce_trigger.lua`.
pub(super) fn add_rules(request: &mut Request, rules: &TriggerRules) {
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let (how, max_wait, max_count, quiet) = match rules.repeat {
        Repeat::Keep => ("keep", None, None, None),
        Repeat::Reset { max_wait, max_count } => ("reset", max_wait, max_count, None),
        Repeat::Replace => ("replace", None, None, None),
        Repeat::Throttle { quiet } => ("throttle", None, None, Some(quiet)),
    };
    let (rule, most, bytes) = match rules.payloads {
        PayloadRule::First => ("f", 1, 0),
        PayloadRule::Last => ("l", 1, 0),
        PayloadRule::Accumulate { max_count, max_bytes } => ("a", max_count.min(1 << 52), max_bytes.min(1 << 52)),
    };
    request.arg(how).arg(number(max_wait.map(millis::of))).arg(number(max_count.map(u64::from)));
    request.arg(number(quiet.map(millis::of))).arg(rule).arg(most).arg(bytes);
}

pub(super) fn add_trigger(request: &mut Request, trigger: &Trigger) {
    let payload = trigger.payload.as_ref().map_or_else(Vec::new, |payload| [b"=", &payload[..]].concat());
    request.arg(&trigger.member).arg(trigger.id.to_string()).arg(payload);
    match trigger.due {
        Due::In(delay) => request.arg("in").arg(millis::of(delay)),
        Due::At(time) => request.arg("at").arg(time.as_millis()),
    };
}

pub(super) fn triggered(reply: Value) -> Result<Vec<Triggered>, BackendError> {
    let answers: Vec<(u8, u64)> = reply::read(Operation::Trigger, reply)?;
    let answers = answers.into_iter().map(|(did, millis)| {
        let at = Timestamp::from_millis(millis);
        Ok(match did {
            1 => Triggered::New { due: at },
            2 => Triggered::Joined { due: at },
            3 => Triggered::Moved { due: at },
            4 => Triggered::Throttled { until: at },
            5 => Triggered::Full { due: at },
            _ => return Err(reply::unexpected(Operation::Trigger, format!("there is no answer {did}"))),
        })
    });
    answers.collect()
}

pub(super) fn claimed(reply: Value) -> Result<ClaimedFirings, BackendError> {
    let operation = Operation::ClaimFirings;
    let (now, wait, expired, listed): (u64, i64, usize, Value) = reply::read(operation, reply)?;
    let next_due = u64::try_from(wait).ok().map(std::time::Duration::from_micros);
    Ok(ClaimedFirings::new(firings(operation, listed)?, next_due, Timestamp::from_millis(now), expired > 0))
}

/// Reads `{member, due in ms, payloads, …}`.
pub(super) fn firings(operation: Operation, reply: Value) -> Result<Vec<Firing>, BackendError> {
    let listed: Vec<(Vec<u8>, u64, Vec<u8>)> = reply::read(operation, reply)?;
    let listed = listed.into_iter().map(|(member, due, payloads)| firing(operation, member, due, &payloads));
    listed.collect()
}

fn firing(operation: Operation, member: Vec<u8>, due: u64, payloads: &[u8]) -> Result<Firing, BackendError> {
    let Some(payloads) = payloads_of(payloads) else {
        let member = String::from_utf8_lossy(&member);
        return Err(reply::corrupt(operation, format!("the payloads of {member} cannot be read")));
    };
    Ok(Firing { member, due: Timestamp::from_millis(due), payloads })
}

/// Reads the text of `_payloads.lua`.
fn payloads_of(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut payloads = Vec::new();
    if text.is_empty() {
        return Some(payloads);
    }
    let mut rest = &text[memchr::memchr(b';', text)? + 1..];
    while !rest.is_empty() {
        rest = rest.get(TaskId::TEXT_BYTES..)?;
        let (length, after) = rest.split_at(memchr::memchr(b':', rest)?);
        let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
        let end = length.checked_add(1)?;
        payloads.push(after.get(1..end)?.to_vec());
        rest = &after[end..];
    }
    Some(payloads)
}

pub(super) fn quarantined(reply: Value) -> Result<Vec<Quarantined>, BackendError> {
    let operation = Operation::Quarantined;
    let mut listed: Vec<Value> = reply::read(operation, reply)?;
    listed.reverse();
    let mut all = Vec::new();
    while let (Some(member), Some(since), Some(due), Some(payloads), Some(reason)) =
        (listed.pop(), listed.pop(), listed.pop(), listed.pop(), listed.pop())
    {
        let (member, payloads): (Vec<u8>, Vec<u8>) =
            (reply::read(operation, member)?, reply::read(operation, payloads)?);
        let (micros, due): (u64, u64) = (reply::read(operation, since)?, reply::read(operation, due)?);
        all.push(Quarantined {
            firing: firing(operation, member, due, &payloads)?,
            reason: reply::read(operation, reason)?,
            since: Timestamp::from_millis(micros / 1000),
        });
    }
    Ok(all)
}

/// The places in KEYS of the queues that firings go to, and behind them of their tasks' locks; 0 is none.
pub(super) struct Places<'s> {
    queues: Vec<&'s QueueName>,
    locks: Vec<String>,
    of_settlements: Vec<(usize, usize)>,
}

impl<'s> Places<'s> {
    /// With so many keys before the first queue.
    pub(super) fn of(settlements: &'s [FiringSettlement], before: usize) -> Self {
        let (mut queues, mut locks) = (Vec::new(), Vec::new());
        let enqueued = || {
            settlements.iter().map(|settlement| match &settlement.outcome {
                FiringOutcome::Enqueue { queue, task, .. } => Some((queue, task)),
                _ => None,
            })
        };
        for (queue, _) in enqueued().flatten() {
            if !queues.contains(&queue) {
                queues.push(queue);
            }
        }
        let place_of = |queue| queues.iter().position(|&other| other == queue).map_or(0, |at| before + at + 1);
        let mut place_of_both = |(queue, task): (&'s QueueName, &'s crate::backend::NewTask)| {
            let lock = task.unique.as_ref().map_or(0, |lock| {
                locks.push(Keys::of(queue).unique(&lock.digest));
                before + queues.len() + locks.len()
            });
            (place_of(queue), lock)
        };
        let of_settlements = enqueued().map(|both| both.map_or((0, 0), &mut place_of_both)).collect();
        Self { queues, locks, of_settlements }
    }

    pub(super) fn queue_count(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.queues.iter().map(|queue| Keys::of(queue).ready()).chain(self.locks.iter().cloned()).collect()
    }

    /// The places of the queue and of the lock.
    pub(super) fn of_settlement(&self, at: usize) -> (usize, usize) {
        self.of_settlements[at]
    }
}

pub(super) fn add_settlement(request: &mut Request, settlement: &FiringSettlement, (queue, lock): (usize, usize)) {
    request.arg(&settlement.member);
    let unused = match &settlement.outcome {
        FiringOutcome::Done => {
            request.arg("done");
            6
        }
        FiringOutcome::Return { after } => {
            request.arg("return").arg(after.map_or_else(String::new, |after| millis::of(after).to_string()));
            5
        }
        FiringOutcome::Quarantine { reason } => {
            // The reason is the first line of the record.
            request.arg("quarantine").arg(reason.replace('\n', " "));
            5
        }
        FiringOutcome::Enqueue { task, retry_after, .. } => {
            let ttl = task.unique.as_ref().map_or(0, |lock| millis::of(lock.ttl).clamp(1, LONGEST_TTL_MS));
            request.arg("enqueue").arg(queue).arg(&task.entry).arg(lock).arg(task.id.to_string()).arg(ttl);
            request.arg(millis::of(*retry_after));
            0
        }
    };
    for _ in 0..unused {
        request.arg("");
    }
}

pub(super) fn settled(reply: Value) -> Result<Vec<FiringSettled>, BackendError> {
    let answers: Vec<u8> = reply::read::<Vec<i64>>(Operation::SettleFirings, reply)?
        .into_iter()
        .map(|answer| u8::try_from(answer).unwrap_or(0))
        .collect();
    let meaning = |answer| match answer {
        1 => FiringSettled::Settled,
        2 => FiringSettled::HeldBack,
        _ => FiringSettled::Gone,
    };
    Ok(answers.into_iter().map(meaning).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_any_bytes_are_read_and_broken_ones_are_not() {
        let id = TaskId::random();
        let text = [format!("a2;{id}3:").as_bytes(), b";:\xff", format!("{id}0:").as_bytes()].concat();
        assert_eq!(payloads_of(&text), Some(vec![b";:\xff".to_vec(), Vec::new()]));
        assert_eq!(payloads_of(b""), Some(Vec::new()));
        for broken in ["a1", "a1;x", &format!("a1;{id}5:abc"), &format!("a1;{id}x:abc"), &format!("a1;{id}3")] {
            assert_eq!(payloads_of(broken.as_bytes()), None, "{broken}");
        }
    }
}
