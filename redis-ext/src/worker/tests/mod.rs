//! The workers' engine against a backend that misbehaves on purpose, on a clock that the tests move.

mod attempts;
mod lanes;

use crate::{
    CodecError, QueueName, RedisTask, TaskOptions,
    backend::{BatchId, Claimed},
    codec,
};

/// What the tests' queues hold: a number in JSON.
#[derive(Debug)]
struct Number(u32);

impl RedisTask for Number {
    const QUEUE: QueueName = QueueName::from_static("numbers");
    const OPTIONS: TaskOptions = TaskOptions::new().max_attempts(3);

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.0, out)
    }

    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        codec::decode(payload).map(Self)
    }
}

/// A claimed task with this entry.
fn claimed(entry: impl Into<Vec<u8>>) -> Claimed {
    Claimed::new(entry.into(), BatchId(1), 0)
}
