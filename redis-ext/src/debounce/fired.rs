//! What comes out: the payloads that one firing gathered.

use std::{ops::Deref, time::SystemTime};

use serde_json::value::RawValue;

use super::DebounceError;
use crate::{
    CodecError, QueueName, RedisTask, TaskError, TaskOptions,
    backend::{Firing, PayloadRule},
    codec,
    task::Wire,
};

/// A firing as a [recipient](super::DebounceSchedulerBuilder::to_recipient), or whoever
/// [pops](super::Debouncer::pop_due) it, gets it: derefs to its latest payload.
///
/// An actor handles it as a message whose result is `Result<(), TaskError>`.
///
/// # Examples
/// See [`Debouncer`](super::Debouncer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired<T> {
    earlier: Vec<T>,
    latest: T,
    due: SystemTime,
}

impl<T: RedisTask> Fired<T> {
    pub(crate) fn decode(firing: &Firing) -> Result<Self, CodecError> {
        let payloads = if firing.payloads.is_empty() { std::slice::from_ref(&firing.member) } else { &firing.payloads };
        let mut decoded = payloads.iter().map(|payload| T::decode(payload)).collect::<Result<Vec<_>, _>>()?;
        match decoded.pop() {
            Some(latest) => Ok(Self { earlier: decoded, latest, due: firing.due.into() }),
            None => Err(CodecError::new("there is no payload")),
        }
    }
}

impl<T> Fired<T> {
    /// When it was due, by the backend's clock.
    pub fn due(&self) -> SystemTime {
        self.due
    }

    /// The latest payload alone: the only one, unless they are accumulated.
    pub fn into_inner(self) -> T {
        self.latest
    }

    /// All payloads, in the order of their triggers.
    pub fn into_payloads(self) -> Vec<T> {
        let mut all = self.earlier;
        all.push(self.latest);
        all
    }

    /// How many payloads there are.
    pub fn payload_count(&self) -> usize {
        self.earlier.len() + 1
    }
}

impl<T> Deref for Fired<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.latest
    }
}

impl<T: 'static> actix::Message for Fired<T> {
    type Result = Result<(), TaskError>;
}

/// All payloads that a firing has accumulated, as the task that its queue gets: handle `Task<Burst<Edit>>` where
/// `Edit` accumulates.
///
/// # Examples
/// ```
/// use redis_ext::{Burst, RedisTask};
///
/// #[derive(RedisTask)]
/// #[redis_task(queue = "edits")]
/// struct Edit { line: u32 }
///
/// let burst = Burst::<Edit>::decode(br#"[{"line": 1}, {"line": 7}]"#)?;
/// assert_eq!(burst.0.iter().map(|edit| edit.line).collect::<Vec<_>>(), [1, 7]);
/// assert_eq!(Burst::<Edit>::QUEUE, Edit::QUEUE);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst<T>(pub Vec<T>);

impl<T: RedisTask> RedisTask for Burst<T> {
    const QUEUE: QueueName = T::QUEUE;
    const OPTIONS: TaskOptions = T::OPTIONS;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let payloads = self.0.iter().map(|payload| {
            let mut json = Vec::new();
            payload.encode(&mut json).map(|()| json)
        });
        out.extend(array_of(&payloads.collect::<Result<Vec<_>, _>>()?));
        Ok(())
    }

    /// A payload that is no array of tasks is a burst of one.
    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        let of_one = || T::decode(payload).map(|one| Self(vec![one]));
        match codec::decode::<Vec<Box<RawValue>>>(payload) {
            Ok(payloads) => {
                let all: Result<_, _> = payloads.iter().map(|one| T::decode(one.get().as_bytes())).collect();
                all.map(Self).or_else(|error| of_one().map_err(|_| error))
            }
            Err(_no_array) => of_one(),
        }
    }
}

/// A JSON array of JSON values.
fn array_of(values: &[Vec<u8>]) -> Vec<u8> {
    [b"[", values.join(&b","[..]).as_slice(), b"]"].concat()
}

/// The payload of the task that a firing becomes, once it is certain that a handler can read it.
pub(crate) fn task_payload<T: RedisTask>(firing: &Firing, rule: PayloadRule) -> Result<Vec<u8>, CodecError> {
    let payloads = if firing.payloads.is_empty() { std::slice::from_ref(&firing.member) } else { &firing.payloads };
    for payload in payloads {
        T::decode(payload)?;
    }
    match (rule, payloads) {
        (PayloadRule::Accumulate { .. }, payloads) => Ok(array_of(payloads)),
        (_, [.., latest]) => Ok(latest.clone()),
        (_, []) => Err(CodecError::new("there is no payload")),
    }
}

/// Encodes a payload.
pub(crate) fn encoded<T: RedisTask>(task: &T) -> Result<Vec<u8>, DebounceError> {
    let mut payload = Vec::with_capacity(128);
    task.encode(&mut payload).map_err(DebounceError::Encode)?;
    Ok(payload)
}

/// Whether tasks of the type travel in envelopes.
pub(crate) fn has_envelope<T: RedisTask>() -> bool {
    T::OPTIONS.wire != Wire::Bare
}
