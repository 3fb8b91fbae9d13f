//! Effects: one hash each, changed by one script a step.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    RedisBackend,
    keys::Keys,
    reply,
    scripts::{BEGIN_EFFECT, FINISH_EFFECT, Request},
};
use crate::{
    backend::{BackendError, EffectBackend, EffectKey, EffectState, Operation},
    codec::millis,
};

#[async_trait]
impl EffectBackend for RedisBackend {
    async fn begin_effect(&self, effect: &EffectKey, ttl: Duration) -> Result<EffectState, BackendError> {
        let mut request = Request::script(&BEGIN_EFFECT, &[key(effect)]);
        let reply = self.link().send(Operation::BeginEffect, request.arg(millis::of(ttl).max(1))).await?;
        let (token, result): (u64, Vec<u8>) = reply::read(Operation::BeginEffect, reply)?;
        Ok(if token > 0 { EffectState::Begun(token) } else { EffectState::Finished(result) })
    }

    async fn finish_effect(
        &self,
        effect: &EffectKey,
        token: u64,
        result: &[u8],
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let mut request = Request::script(&FINISH_EFFECT, &[key(effect)]);
        request.arg(token).arg(result).arg(millis::of(ttl).max(1));
        reply::read(Operation::FinishEffect, self.link().send(Operation::FinishEffect, &request).await?)
    }
}

fn key(effect: &EffectKey) -> String {
    Keys::of(&effect.queue).effect(effect.task, &effect.name)
}
