//! The effects role.

use std::{collections::HashMap, sync::Mutex, sync::PoisonError, time::Duration};

use async_trait::async_trait;
use redis_ext::{
    BackendError, Timestamp,
    backend::{EffectBackend, EffectKey, EffectState, Operation},
};

use crate::MemoryBackend;

/// Below this many effects, forgotten ones are not worth a search.
const PURGE_FROM: usize = 64;

/// All effects that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Effects(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    effects: HashMap<EffectKey, Effect>,
    purge_at: usize,
}

#[derive(Debug)]
struct Effect {
    token: u64,
    result: Option<Vec<u8>>,
    until: Timestamp,
}

impl Effects {
    fn begin(&self, key: &EffectKey, until: Timestamp, now: Timestamp) -> EffectState {
        let Memory { effects, purge_at } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if effects.len() >= (*purge_at).max(PURGE_FROM) {
            effects.retain(|_, effect| effect.until > now);
            *purge_at = effects.len() * 2;
        }
        let new = || Effect { token: 0, result: None, until };
        let effect = effects.entry(key.clone()).or_insert_with(new);
        if effect.until <= now {
            *effect = new();
        }
        if let Some(result) = &effect.result {
            return EffectState::Finished(result.clone());
        }
        effect.token += 1;
        effect.until = until;
        EffectState::Begun(effect.token)
    }

    fn finish(&self, key: &EffectKey, token: u64, result: &[u8], until: Timestamp, now: Timestamp) -> bool {
        let Memory { effects, .. } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match effects.get_mut(key).filter(|effect| effect.until > now && effect.token == token) {
            None => false,
            // Nothing begins after the end, so the latest token is the one that it was finished with.
            Some(Effect { result: Some(_), .. }) => true,
            Some(effect) => {
                effect.result = Some(result.to_vec());
                effect.until = until;
                true
            }
        }
    }
}

#[async_trait]
impl EffectBackend for MemoryBackend {
    async fn begin_effect(&self, effect: &EffectKey, ttl: Duration) -> Result<EffectState, BackendError> {
        let begin = async {
            let now = self.store.clock.now();
            Ok(self.effects.begin(effect, now.saturating_add(ttl), now))
        };
        self.faults.around(Operation::BeginEffect, begin).await
    }

    async fn finish_effect(
        &self,
        effect: &EffectKey,
        token: u64,
        result: &[u8],
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let finish = async {
            let now = self.store.clock.now();
            Ok(self.effects.finish(effect, token, result, now.saturating_add(ttl), now))
        };
        self.faults.around(Operation::FinishEffect, finish).await
    }
}
