//! Task types that say themselves how they are debounced, and the call on their values.

use std::future::Future;

use serde::Serialize;

use super::{
    Debounce,
    identity::{Identity, trigger_one},
};
use crate::{
    CodecError, Error, RedisTask,
    backend::{DebounceBackend, DebounceKey, Triggered},
    codec,
};

/// A task type that is debounced before it goes to its queue: `#[redis_task(debounce = "2s")]` implements it.
///
/// # Examples
/// See [`DebounceExt`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is debounced",
    label = "not debounced",
    note = "add `debounce = \"2s\"` to `#[redis_task(…)]` on `{Self}`, or make a `Debouncer` with a policy"
)]
pub trait Debounced: RedisTask {
    /// How triggers become one firing.
    const DEBOUNCE: Debounce;

    /// Appends what triggers are told apart by to `out`: one JSON value. `false` when that is the whole payload.
    ///
    /// # Errors
    /// [`CodecError`] when this value has no such form.
    fn debounce_key(&self, out: &mut Vec<u8>) -> Result<bool, CodecError>;
}

/// Debounces values of a [`Debounced`] type. A [`DebounceScheduler`](super::DebounceScheduler) puts what fires into the
/// type's queue, where a worker handles it.
///
/// # Errors
/// [`Error::Debounce`] when the content cannot be encoded or the pending firing is full; [`Error::Backend`] when the
/// backend fails.
///
/// # Cancel safety
/// A call whose future is dropped may or may not have had its effect.
///
/// # Examples
/// ```
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// #[redis_task(debounce = "2s", max_wait = "30s", key = "user_id")]
/// struct Notify { user_id: u64, unread: u32 }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let backend = MemoryBackend::new();
/// assert!(Notify { user_id: 7, unread: 1 }.debounce(&backend).await?.is_new());
/// assert!(!Notify { user_id: 7, unread: 2 }.debounce(&backend).await?.is_new());
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
pub trait DebounceExt: Debounced {
    /// Triggers a firing with this content by the type's policy.
    fn debounce<B: DebounceBackend + ?Sized>(
        &self,
        backend: &B,
    ) -> impl Future<Output = Result<Triggered, Error>> + Send {
        let key = DebounceKey::of_queue(&Self::QUEUE);
        let encoded = Self::DEBOUNCE.check().and_then(|()| Identity::of_type().encode(self)).map_err(Error::from);
        async move { trigger_one(backend, &key, &Self::DEBOUNCE, encoded?).await }
    }
}

impl<T: Debounced> DebounceExt for T {}

/// Writes what a derived type is told apart by: a JSON object of some of its fields.
#[doc(hidden)]
#[derive(Debug)]
pub struct KeyWriter<'o>(&'o mut Vec<u8>);

impl<'o> KeyWriter<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self(out)
    }

    pub fn field<F: Serialize + ?Sized>(self, name: &str, value: &F) -> Result<Self, CodecError> {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        codec::encode(name, self.0)?;
        self.0.push(b':');
        codec::encode(value, self.0)?;
        Ok(self)
    }

    pub fn end(self) {
        self.0.push(b'}');
    }
}
