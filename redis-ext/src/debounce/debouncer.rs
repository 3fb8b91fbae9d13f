//! The handle: what users call to trigger, look at and take firings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::{
    Debounce, DebounceError, Debounced, Fired,
    identity::{Encoded, Identity, by_policy, point_in_time, trigger_one, trigger_with},
    policy::check_delay,
};
use crate::{
    Error, RedisTask,
    backend::{
        ClaimId, DebounceBackend, DebounceKey, DebounceStats, Due, Firing, FiringClaim, FiringOutcome, FiringSettled,
        FiringSettlement, MAX_BATCH, Page, Quarantined, Repeat, TriggerRules, Triggered,
    },
};

/// For how long popped firings are claimed while they are being decoded.
const POP_LEASE: Duration = Duration::from_secs(5);
/// How often popped firings are tried to be settled: once applied, they are nowhere but with the caller.
const SETTLE_TRIES: u32 = 5;

/// Debounces values of type `T` under one key. Clones are cheap handles of the same debouncer.
///
/// Values are told apart by their content, or by a [key](Self::keyed_by) that is made of it. With the policy
/// [`after`](Debounce::after) and without a key it is what `DebounceInfoTask` of the Python package is, on the same data:
///
/// | Python | here |
/// |---|---|
/// | `add_task(x)`, `add_task(x, delay)` | [`schedule`](Self::schedule), [`schedule_in`](Self::schedule_in) |
/// | `has_task(x)`, `remove_task(x)` | [`is_pending`](Self::is_pending), [`cancel`](Self::cancel) |
/// | `pop_tasks(n)` | [`pop_due`](Self::pop_due) |
/// | `get_pending_count()`, `get_info()`, `clear()` | [`pending_count`](Self::pending_count), [`stats`](Self::stats), [`clear`](Self::clear) |
///
/// # Errors
/// [`Error::Debounce`] when a value cannot be encoded, a delay is too long or the pending firing is full;
/// [`Error::Backend`] when the backend fails.
///
/// # Cancel safety
/// A call whose future is dropped may or may not have had its effect.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{Debounce, Debouncer, RedisTask};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(Debug, PartialEq, RedisTask)]
/// struct Reindex { shard: u32 }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let policy = Debounce::after(Duration::from_secs(2));
/// let debouncer = Debouncer::new(MemoryBackend::new(), "search:pending", policy)?;
/// assert!(debouncer.schedule(&Reindex { shard: 7 }).await?.is_new());
/// assert!(!debouncer.schedule(&Reindex { shard: 7 }).await?.is_new()); // pending already
///
/// assert!(debouncer.pop_due(10).await?.is_empty());
/// tokio::time::advance(Duration::from_secs(2)).await;
/// let due = debouncer.pop_due(10).await?;
/// assert_eq!(*due[0], Reindex { shard: 7 });
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
pub struct Debouncer<T> {
    pub(crate) backend: Arc<dyn DebounceBackend>,
    pub(crate) key: DebounceKey,
    pub(crate) policy: Debounce,
    pub(crate) identity: Identity<T>,
}

impl<T: RedisTask> Debouncer<T> {
    /// A debouncer at `key`.
    ///
    /// # Errors
    /// [`Error::Debounce`] when the key is not one, or the policy makes no sense.
    pub fn new(backend: impl DebounceBackend, key: impl Into<String>, policy: Debounce) -> Result<Self, Error> {
        policy.check()?;
        let key = DebounceKey::new(key).map_err(DebounceError::from)?;
        Ok(Self { backend: Arc::new(backend), key, policy, identity: Identity::of_content() })
    }

    /// The debouncer of a type that says how it is debounced: the one that [`debounce`](super::DebounceExt::debounce) uses.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{Debouncer, RedisTask};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// #[redis_task(queue = "reindex", debounce = "2s")]
    /// struct Reindex { shard: u32 }
    ///
    /// let debouncer = Debouncer::<Reindex>::of(MemoryBackend::new());
    /// assert_eq!(debouncer.key().as_str(), "{reindex}:debounce");
    /// ```
    pub fn of(backend: impl DebounceBackend) -> Self
    where
        T: Debounced,
    {
        Self::shared(Arc::new(backend))
    }

    pub(crate) fn shared(backend: Arc<dyn DebounceBackend>) -> Self
    where
        T: Debounced,
    {
        let key = DebounceKey::of_queue(&T::QUEUE);
        Self { backend, key, policy: T::DEBOUNCE, identity: Identity::of_type() }
    }

    /// Tells values apart by what `key` makes of them instead of by their whole content.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use redis_ext::{Debounce, Debouncer, RedisTask};
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)]
    /// # struct Save { document: String, text: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let policy = Debounce::trailing(Duration::from_secs(2));
    /// let saves = Debouncer::new(MemoryBackend::new(), "saves", policy)?.keyed_by(|save: &Save| save.document.clone());
    /// saves.schedule(&Save { document: "a".into(), text: "one".into() }).await?;
    /// saves.schedule(&Save { document: "a".into(), text: "one two".into() }).await?;
    /// assert_eq!(saves.peek(10).await?[0].text, "one two");
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn keyed_by<K: Serialize>(mut self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        self.identity = Identity::of_key(key);
        self
    }

    /// The key that it lies at.
    #[must_use]
    pub fn key(&self) -> &DebounceKey {
        &self.key
    }

    /// Triggers a firing by the policy.
    pub async fn schedule(&self, task: &T) -> Result<Triggered, Error> {
        trigger_one(&*self.backend, &self.key, &self.policy, self.identity.encode(task)?).await
    }

    /// The same with a delay of its own. For a policy of windows, it is the event that lies so far in the future.
    pub async fn schedule_in(&self, task: &T, delay: Duration) -> Result<Triggered, Error> {
        check_delay(delay)?;
        let encoded = self.identity.encode(task)?;
        let asked = point_in_time(&*self.backend, &self.policy, delay).await?;
        self.trigger(encoded, asked, &self.policy.rules()).await
    }

    /// The same for a point in time, by the backend's clock. For a policy of windows, it is the time of the event: the
    /// firing comes after the end of the window that it lies in.
    pub async fn schedule_at(&self, task: &T, time: SystemTime) -> Result<Triggered, Error> {
        check_delay(time.duration_since(SystemTime::now()).unwrap_or_default())?;
        self.trigger(self.identity.encode(task)?, Due::At(time.into()), &self.policy.rules()).await
    }

    /// Triggers many firings by the policy, in their order, one round trip for each 512. Nothing is triggered when a value
    /// cannot be encoded. A trigger that finds its firing full is answered with [`Triggered::Full`], and is no error here;
    /// when the backend fails, those of the round trips before are triggered.
    pub async fn schedule_many<'t>(&self, tasks: impl IntoIterator<Item = &'t T>) -> Result<Vec<Triggered>, Error>
    where
        T: 't,
    {
        let encoded: Result<Vec<_>, _> = tasks.into_iter().map(|task| self.identity.encode(task)).collect();
        let (encoded, asked) = (encoded?, by_policy(&*self.backend, &self.policy).await?);
        let triggers: Vec<_> = encoded.into_iter().map(|encoded| encoded.trigger(&self.policy, asked)).collect();
        let mut answers = Vec::with_capacity(triggers.len());
        for slice in triggers.chunks(MAX_BATCH) {
            answers.extend(self.backend.trigger(&self.key, slice, &self.policy.rules()).await?);
        }
        Ok(answers)
    }

    /// Takes the place of the pending firing, if there is one: the timer begins anew, whatever the policy, and the payload
    /// is this one alone.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use redis_ext::{Debounce, Debouncer, RedisTask, backend::Page};
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)]
    /// # struct Reindex { shard: u32 }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let policy = Debounce::after(Duration::from_secs(60));
    /// let debouncer = Debouncer::new(MemoryBackend::new(), "search:pending", policy)?;
    /// let shard = Reindex { shard: 7 };
    /// debouncer.schedule_in(&shard, Duration::from_secs(3600)).await?;
    /// debouncer.replace(&shard).await?; // in a minute, not in an hour
    /// assert!(debouncer.is_pending(&shard).await?);
    /// assert!(debouncer.cancel(&shard).await?);
    ///
    /// debouncer.schedule_many(&[Reindex { shard: 8 }, Reindex { shard: 9 }]).await?;
    /// assert_eq!(debouncer.pending_count().await?, 2);
    /// assert_eq!(debouncer.clear().await?, 2);
    /// assert!(debouncer.quarantined(Page::default()).await?.is_empty());
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn replace(&self, task: &T) -> Result<Triggered, Error> {
        let rules = TriggerRules { repeat: Repeat::Replace, ..self.policy.rules() };
        let encoded = self.identity.encode(task)?;
        self.trigger(encoded, by_policy(&*self.backend, &self.policy).await?, &rules).await
    }

    async fn trigger(&self, encoded: Encoded, asked: Due, rules: &TriggerRules) -> Result<Triggered, Error> {
        trigger_with(&*self.backend, &self.key, encoded.trigger(&self.policy, asked), rules).await
    }

    /// Whether a firing of this content is pending. For a policy of windows: in the present window.
    pub async fn is_pending(&self, task: &T) -> Result<bool, Error> {
        let dues = self.backend.due_times(&self.key, &[self.member_of(task).await?]).await?;
        Ok(dues.iter().any(Option::is_some))
    }

    /// Forgets the pending firing of this content; the answer is whether there was one. What is running goes on.
    pub async fn cancel(&self, task: &T) -> Result<bool, Error> {
        let cancelled = self.backend.cancel_firings(&self.key, &[self.member_of(task).await?]).await?;
        Ok(cancelled.contains(&true))
    }

    async fn member_of(&self, task: &T) -> Result<Vec<u8>, Error> {
        let encoded = self.identity.encode(task)?;
        Ok(encoded.trigger(&self.policy, by_policy(&*self.backend, &self.policy).await?).member)
    }

    /// Takes up to `max` firings that are due, the earliest first. Each goes to one caller, and is gone when it is
    /// returned: for firings that survive a crash of their handler, use a [scheduler](super::DebounceScheduler). What does
    /// not decode goes to the [quarantine](Self::quarantined), and the others are returned all the same.
    pub async fn pop_due(&self, max: usize) -> Result<Vec<Fired<T>>, Error> {
        self.pop(max, false).await
    }

    pub(crate) async fn pop(&self, max: usize, early: bool) -> Result<Vec<Fired<T>>, Error> {
        let mut popped = Vec::new();
        while popped.len() < max {
            let room = (max - popped.len()).min(MAX_BATCH);
            match self.pop_batch(room, early).await {
                Ok((count, fired)) => {
                    popped.extend(fired);
                    if count < room {
                        break;
                    }
                }
                // What was popped before is nowhere else any more.
                Err(_) if !popped.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(popped)
    }

    /// Pops what one claim gives; says also how much that was, with what did not decode.
    async fn pop_batch(&self, max: usize, early: bool) -> Result<(usize, Vec<Fired<T>>), Error> {
        let claim = FiringClaim { id: ClaimId::random(), max, lease: POP_LEASE, early };
        let claimed = self.backend.claim_firings(&self.key, &claim).await?;
        if claimed.any_expired {
            self.backend.recover_firings(&self.key).await?;
        }
        let decode = |firing: Firing| match Fired::decode(&firing) {
            Ok(fired) => (Some(fired), FiringSettlement { member: firing.member, outcome: FiringOutcome::Done }),
            Err(error) => {
                let outcome = FiringOutcome::Quarantine { reason: error.to_string() };
                (None, FiringSettlement { member: firing.member, outcome })
            }
        };
        let (fired, settlements): (Vec<_>, Vec<_>) = claimed.firings.into_iter().map(decode).unzip();
        let is_ours = self.settle_popped(claim.id, &settlements).await?;
        let fired = fired.into_iter().zip(is_ours).filter_map(|(fired, is_ours)| fired.filter(|_| is_ours));
        Ok((settlements.len(), fired.collect()))
    }

    /// Settles popped firings; says which of them may be returned. What is not settled for certain is not: it is pending
    /// again when the claim's lease has expired.
    async fn settle_popped(&self, claim: ClaimId, settlements: &[FiringSettlement]) -> Result<Vec<bool>, Error> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        let mut may_be_applied = false;
        let mut tries = 1;
        loop {
            match self.backend.settle_firings(&self.key, claim, settlements).await {
                // Gone after a lost reply means that the lost call has settled it.
                Ok(settled) => {
                    return Ok(settled.into_iter().map(|one| may_be_applied || one != FiringSettled::Gone).collect());
                }
                Err(error) if error.is_retryable() && tries < SETTLE_TRIES => {
                    may_be_applied |= error.is_maybe_applied();
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next `max` pending firings, the earliest first, without those that do not decode.
    pub async fn peek(&self, max: usize) -> Result<Vec<Fired<T>>, Error> {
        let firings = self.backend.peek_firings(&self.key, max).await?;
        Ok(firings.iter().filter_map(|firing| Fired::decode(firing).ok()).collect())
    }

    /// How many firings are pending.
    pub async fn pending_count(&self) -> Result<usize, Error> {
        Ok(self.stats().await?.pending)
    }

    /// Counts what there is under the key.
    pub async fn stats(&self) -> Result<DebounceStats, Error> {
        Ok(self.backend.inspect_debounce(&self.key).await?)
    }

    /// Forgets all pending firings; the answer is how many.
    pub async fn clear(&self) -> Result<usize, Error> {
        Ok(self.backend.clear_firings(&self.key).await?)
    }

    /// A page of the firings that could not be dispatched, the latest first, each with the reason.
    pub async fn quarantined(&self, page: Page) -> Result<Vec<Quarantined>, Error> {
        Ok(self.backend.quarantined(&self.key, page).await?)
    }

    /// Makes quarantined firings pending again, due now: after a repair. The answer is how many.
    pub async fn release(&self, quarantined: &[Quarantined]) -> Result<usize, Error> {
        Ok(self.backend.release_quarantined(&self.key, &members_of(quarantined)).await?)
    }

    /// Deletes quarantined firings for good; the answer is how many.
    pub async fn discard(&self, quarantined: &[Quarantined]) -> Result<usize, Error> {
        Ok(self.backend.delete_quarantined(&self.key, &members_of(quarantined)).await?)
    }
}

fn members_of(quarantined: &[Quarantined]) -> Vec<Vec<u8>> {
    quarantined.iter().map(|kept| kept.firing.member.clone()).collect()
}

impl<T> Clone for Debouncer<T> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            key: self.key.clone(),
            policy: self.policy,
            identity: self.identity.clone(),
        }
    }
}

impl<T> fmt::Debug for Debouncer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debouncer").field("key", &self.key).field("policy", &self.policy).finish_non_exhaustive()
    }
}
