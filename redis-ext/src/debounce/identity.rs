//! What a value becomes on its way to the backend: a member that it is told apart by, a payload, and a due time.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{Debounce, DebounceError, Debounced, fired::encoded, policy::Timing};
use crate::{
    BackendError, BackendErrorKind, CodecError, Error, RedisTask,
    backend::{DebounceBackend, DebounceKey, Due, Operation, Trigger, TriggerRules, Triggered},
    codec::canonical::{Style, respell, to_vec},
    task::Timestamp,
};

/// Appends what a value is told apart by; `false` when that is its whole content.
type KeyOf<T> = dyn Fn(&T, &mut Vec<u8>) -> Result<bool, CodecError> + Send + Sync;

/// How a value becomes a member and a payload.
pub(crate) struct Identity<T>(Option<Arc<KeyOf<T>>>);

/// A value on its way to the backend.
pub(crate) struct Encoded {
    /// What it is told apart by, in the spelling of the Python package.
    member: Vec<u8>,
    /// The content, where that is something else.
    payload: Option<Vec<u8>>,
}

impl<T: Debounced> Identity<T> {
    pub(crate) fn of_type() -> Self {
        Self(Some(Arc::new(T::debounce_key)))
    }
}

impl<T: RedisTask> Identity<T> {
    /// By the whole content.
    pub(crate) fn of_content() -> Self {
        Self(None)
    }

    /// By what `key` makes of it.
    pub(crate) fn of_key<K: Serialize>(key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        let key_of = move |task: &T, out: &mut Vec<u8>| {
            out.extend(to_vec(&key(task), Style::Utf8)?);
            Ok(true)
        };
        Self(Some(Arc::new(key_of)))
    }

    pub(crate) fn encode(&self, task: &T) -> Result<Encoded, DebounceError> {
        let content = encoded(task)?;
        let canonical = |json: &[u8]| respell(json, Style::Utf8).map_err(DebounceError::Encode);
        let mut key = Vec::new();
        let is_keyed = match &self.0 {
            Some(key_of) => key_of(task, &mut key).map_err(DebounceError::Encode)?,
            None => false,
        };
        if is_keyed {
            Ok(Encoded { member: canonical(&key)?, payload: Some(content) })
        } else {
            Ok(Encoded { member: canonical(&content)?, payload: None })
        }
    }
}

impl Encoded {
    /// The trigger that a policy makes of it; with windows, `asked` is the time of the event.
    pub(crate) fn trigger(self, policy: &Debounce, asked: Due) -> Trigger {
        let (encoded, due) = match (policy.timing, asked) {
            (Timing::Windows { period, delay }, Due::At(event)) => self.in_window(period, delay, event),
            _ => (self, asked),
        };
        let mut trigger = Trigger::new(encoded.member, due);
        trigger.payload = encoded.payload;
        trigger
    }

    /// The same in the window that `event` lies in, and when that window fires.
    fn in_window(self, period: Duration, delay: Duration, event: Timestamp) -> (Self, Due) {
        let start = event.as_millis() / 1000 / period.as_secs() * period.as_secs();
        let window = format!(", \"window\": {start}}}");
        let member = [b"{\"key\": ", &self.member[..], window.as_bytes()].concat();
        let fires = Timestamp::from_millis(start.saturating_mul(1000)).saturating_add(period).saturating_add(delay);
        (Self { member, payload: self.payload.or(Some(self.member)) }, Due::At(fires))
    }
}

/// What is asked for by the policy's own delay.
pub(crate) async fn by_policy<B: DebounceBackend + ?Sized>(backend: &B, policy: &Debounce) -> Result<Due, Error> {
    point_in_time(backend, policy, policy.delay()).await
}

/// What is asked for by a delay: with windows, the present window is one by the backend's clock.
pub(crate) async fn point_in_time<B: DebounceBackend + ?Sized>(
    backend: &B,
    policy: &Debounce,
    delay: Duration,
) -> Result<Due, Error> {
    match policy.timing {
        Timing::Windows { .. } => Ok(Due::At(backend.time().await?.saturating_add(delay))),
        _ => Ok(Due::In(delay)),
    }
}

/// Triggers one value by the policy's own delay.
pub(crate) async fn trigger_one<B: DebounceBackend + ?Sized>(
    backend: &B,
    key: &DebounceKey,
    policy: &Debounce,
    encoded: Encoded,
) -> Result<Triggered, Error> {
    let trigger = encoded.trigger(policy, by_policy(backend, policy).await?);
    trigger_with(backend, key, trigger, &policy.rules()).await
}

pub(crate) async fn trigger_with<B: DebounceBackend + ?Sized>(
    backend: &B,
    key: &DebounceKey,
    trigger: Trigger,
    rules: &TriggerRules,
) -> Result<Triggered, Error> {
    match backend.trigger(key, &[trigger], rules).await?.first() {
        Some(Triggered::Full { .. }) => Err(DebounceError::Full.into()),
        Some(&triggered) => Ok(triggered),
        None => Err(BackendError::new(BackendErrorKind::Unexpected, Operation::Trigger).maybe_applied().into()),
    }
}

impl<T> Clone for Identity<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
