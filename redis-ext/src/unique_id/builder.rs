//! Puts a handle together.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use actix::{Arbiter, ArbiterHandle};

use super::{
    UniqueId, UniqueIdError,
    actor::UniqueIdActor,
    engine::{Engine, Protocol},
};
use crate::{
    Error, IdClass, IdTtl,
    backend::{IdBackend, IdRules},
};

/// The settings of a [`UniqueId`], made by [`UniqueId::of`] or [`UniqueId::builder`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{IdClass, IdTtl, UniqueId};
/// use redis_ext_memory::MemoryBackend;
///
/// # actix::System::new().block_on(async {
/// let sessions = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("session"))
///     .ttl(IdTtl::sliding(Duration::from_secs(30 * 60))?)
///     .reverse()
///     .start()?;
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[must_use = "a builder does nothing until `start` is called"]
pub struct UniqueIdBuilder<C> {
    backend: Arc<dyn IdBackend>,
    class: IdClass,
    rules: IdRules,
    protocol: Protocol,
    patience: Duration,
    arbiter: Option<ArbiterHandle>,
    typed: PhantomData<fn() -> C>,
}

impl<C> UniqueIdBuilder<C> {
    /// [`patience`](Self::patience) unless told otherwise: 5 seconds.
    pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);

    pub(super) fn new(backend: Arc<dyn IdBackend>, class: IdClass) -> Self {
        Self {
            backend,
            class,
            rules: IdRules::default(),
            protocol: Protocol::OneStep,
            patience: Self::DEFAULT_PATIENCE,
            arbiter: None,
            typed: PhantomData,
        }
    }

    /// How long mappings live, instead of the hour of [`IdTtl::DEFAULT`]; for ever with [`IdTtl::NONE`].
    pub fn ttl(mut self, ttl: IdTtl) -> Self {
        self.rules.ttl = ttl;
        self
    }

    /// Lets keys be found by their IDs with [`key_of`](UniqueId::key_of).
    ///
    /// The way back is written in the same step as the mapping, and a key that got its ID without it gets it when it is
    /// asked for the next time. What it says counts only if the mapping says the same, so it is right whatever becomes
    /// of the mapping: it expires, it is forgotten, another program writes it.
    pub fn reverse(mut self) -> Self {
        self.rules.reverse = true;
        self
    }

    /// Does without steps that touch the counter and mappings together. On a cluster they lie in different slots, unless
    /// the class's name has a hash tag, such as `{user}`.
    ///
    /// A new key then takes three round trips instead of one: its ID is looked for, a candidate is taken from the counter,
    /// and offered to the key. A candidate that loses a race is kept for the next new key. IDs can be lost in two ways:
    /// by a reply that does not come, and by the end of the process, which takes its spare candidates along, at most
    /// one for each key that was asked for at once. [`stats`](UniqueId::stats) counts both.
    pub fn single_key_commands(mut self) -> Self {
        self.protocol = Protocol::SingleKeys;
        self
    }

    /// How long [`next_id`](UniqueId::next_id) waits for the backend when it has used up what was reserved.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The arbiter to run on, instead of the current one. It should last as long as the handles are used.
    pub fn arbiter(mut self, arbiter: &ArbiterHandle) -> Self {
        self.arbiter = Some(arbiter.clone());
        self
    }

    /// Starts the actor, and gives the handle on it. Nothing is asked of the backend yet.
    ///
    /// # Errors
    /// [`Error::UniqueId`]: [`NoArbiter`](UniqueIdError::NoArbiter) outside of an actix System,
    /// [`ReverseWithSingleKeys`](UniqueIdError::ReverseWithSingleKeys) for what cannot be had together.
    pub fn start(self) -> Result<UniqueId<C>, Error> {
        if self.rules.reverse && self.protocol == Protocol::SingleKeys {
            return Err(UniqueIdError::ReverseWithSingleKeys.into());
        }
        let arbiter = self.arbiter.or_else(Arbiter::try_current).ok_or(UniqueIdError::NoArbiter)?;
        let engine = Arc::new(Engine::new(self.backend, self.class, self.rules, self.protocol));
        let actor = UniqueIdActor::start(Arc::clone(&engine), &arbiter);
        Ok(UniqueId::new(engine, actor, self.patience))
    }
}

impl<C> fmt::Debug for UniqueIdBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueIdBuilder")
            .field("class", &self.class)
            .field("rules", &self.rules)
            .field("protocol", &self.protocol)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
