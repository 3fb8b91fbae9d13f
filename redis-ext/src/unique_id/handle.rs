//! The handle: what users call, from any thread.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use actix::Addr;

use super::{
    HasId, Id, UniqueIdActor, UniqueIdBuilder, UniqueIdError, Untyped,
    engine::{Engine, Work},
};
use crate::{
    Error, IdClass,
    backend::{IdBackend, IdKey, MAX_BATCH, MAX_RESERVATION},
};

/// Unique IDs of one class: the same number for the same key, whoever asks, and fresh numbers in bulk.
///
/// It is a handle, cheap to clone and usable from any thread; clones share their work. Two handles of one class on clones
/// of one backend are right, too, but do not share requests.
///
/// # Contract
/// - *Stable.* A key keeps its ID until its mapping's [life](crate::IdTtl) is over or it is [forgotten](Self::forget).
///   That life is an [hour](crate::IdTtl::DEFAULT), as in the Python package, unless the builder is [told](UniqueIdBuilder::ttl)
///   otherwise: what has a number for good wants [`IdTtl::NONE`](crate::IdTtl::NONE). All programs on one Redis agree, those that use the Python package included.
/// - *Dense.* IDs begin at 1, and each new key gets the next one: lost races, errors and refused calls use none up.
///   (Not so with [`next_id`](Self::next_id) on the same class, and with
///   [`single_key_commands`](UniqueIdBuilder::single_key_commands).)
/// - *Fresh.* Nothing is answered from a cache: what another program has written before a call is seen by the call.
/// - *Unique in spite of losses.* Should the store lose the counter, by a flush or a failover to a replica that was
///   behind, then this process hands out no ID a second time as long as it runs: it lifts the counter above all that it
///   has seen of it, logs an error and counts it in [`stats`](Self::stats).
///
/// # Examples
/// ```
/// use redis_ext::{IdClass, IdTtl, UniqueId, unique_id::{HasId, Id}};
/// use redis_ext_memory::MemoryBackend;
///
/// struct User;
/// impl HasId for User {
///     const CLASS: IdClass = IdClass::from_static("user");
/// }
///
/// # actix::System::new().block_on(async {
/// let users = UniqueId::of::<User>(MemoryBackend::new()).ttl(IdTtl::NONE).start()?;
/// let ada: Id<User> = users.get_or_create("ada@example.org").await?;
/// assert_eq!(ada, 1);
/// assert_eq!(users.get_or_create("ada@example.org").await?, ada);
/// assert_eq!(users.get_or_create("bob@example.org").await?, 2);
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
pub struct UniqueId<C = Untyped> {
    engine: Arc<Engine>,
    actor: Addr<UniqueIdActor>,
    patience: Duration,
    typed: PhantomData<fn() -> C>,
}

/// What has become of IDs that nobody got, and of the counter.
///
/// # Examples
/// See [`UniqueId::stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct UniqueIdStats {
    /// At most so many IDs were lost: reserved by requests whose replies were lost, offered to keys that may not have
    /// taken them, taken by calls that were given up, or discarded after the counter was lost.
    pub burnt: u64,
    /// So many IDs are reserved and will be handed out; they are lost if the process ends.
    pub reserved: u64,
    /// How often this handle found that the counter had been lost, and lifted it. Anything but 0 wants looking into:
    /// others may have given IDs a second time.
    pub counter_losses: u64,
}

impl UniqueId {
    /// Settings for the IDs of a class that is named at run time.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{IdClass, UniqueId};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # actix::System::new().block_on(async {
    /// let ids = UniqueId::builder(MemoryBackend::new(), IdClass::new("tenant-7:user")?).start()?;
    /// assert_eq!(ids.get_or_create("ada").await?, 1);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub fn builder(backend: impl IdBackend, class: IdClass) -> UniqueIdBuilder<Untyped> {
        UniqueIdBuilder::new(Arc::new(backend), class)
    }

    /// Settings for the IDs of a type, which are told from those of other types at compile time.
    ///
    /// # Examples
    /// See [`UniqueId`].
    pub fn of<T: HasId>(backend: impl IdBackend) -> UniqueIdBuilder<T> {
        UniqueIdBuilder::new(Arc::new(backend), T::CLASS)
    }
}

impl<C> UniqueId<C> {
    pub(super) fn new(engine: Arc<Engine>, actor: Addr<UniqueIdActor>, patience: Duration) -> Self {
        Self { engine, actor, patience, typed: PhantomData }
    }

    /// The class.
    #[must_use]
    pub fn class(&self) -> &IdClass {
        &self.engine.class
    }

    /// The ID of a key, which is made if there is none.
    ///
    /// Concurrent calls are made in one request, up to 512 keys of them, and those for the same key share one answer.
    ///
    /// # Errors
    /// [`Error::IdName`] for a key that is empty or too long; [`Error::Backend`];
    /// [`UniqueIdError::Stopped`] when the arbiter has ended. Calling again does no harm.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open whether the key got an ID.
    ///
    /// # Examples
    /// See [`UniqueId`].
    pub async fn get_or_create(&self, key: &str) -> Result<Id<C>, Error> {
        let place = self.engine.coalescer.ask(IdKey::new(key)?)?;
        if place.first {
            self.tell(Work::Answer);
        }
        match place.answer.await {
            Ok(answer) => Ok(Id::new(answer?)),
            Err(_nobody_answers) => Err(UniqueIdError::Stopped.into()),
        }
    }

    /// The IDs of keys in their order, which are made where there are none: a round trip for each 512 keys.
    ///
    /// # Errors
    /// [`Error::IdName`], and then nothing was asked; [`Error::Backend`], and then some of the keys may have got IDs.
    /// Calling again does no harm.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open which keys got IDs.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let words = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("word")).start()?;
    /// let ids = words.get_or_create_many("to be or not to be".split(' ')).await?;
    /// assert_eq!(ids.into_iter().map(u64::from).collect::<Vec<_>>(), [1, 2, 3, 4, 1, 2]);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn get_or_create_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Id<C>>, Error> {
        let keys = checked(keys)?;
        let mut ids = Vec::with_capacity(keys.len());
        for batch in keys.chunks(MAX_BATCH) {
            ids.extend(self.engine.assign(batch).await?.into_iter().map(Id::new));
        }
        Ok(ids)
    }

    /// The ID of a key, if it has one. The mapping's life is not touched.
    ///
    /// # Errors
    /// [`Error::IdName`], [`Error::Backend`].
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let ids = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("user")).start()?;
    /// assert_eq!(ids.lookup("ada").await?, None);
    /// let ada = ids.get_or_create("ada").await?;
    /// assert_eq!(ids.lookup("ada").await?, Some(ada));
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn lookup(&self, key: &str) -> Result<Option<Id<C>>, Error> {
        Ok(self.lookup_many([key]).await?.pop().flatten())
    }

    /// The IDs of those keys that have one, in the order of the keys.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// See [`lookup`](Self::lookup).
    pub async fn lookup_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Id<C>>>, Error> {
        let Engine { backend, class, .. } = &*self.engine;
        let keys = checked(keys)?;
        let mut found = Vec::with_capacity(keys.len());
        for batch in keys.chunks(MAX_BATCH) {
            found.extend(backend.find_ids(class, batch).await?.into_iter().map(|id| id.map(Id::new)));
        }
        Ok(found)
    }

    /// Takes a key's ID away; the answer is whether it had one. The ID is not given again, and the key gets a new one if
    /// it is asked for.
    ///
    /// # Errors
    /// [`Error::IdName`], [`Error::Backend`]. Calling again does no harm, but the answer may then be `false`.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open whether the ID was taken away.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let ids = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("user")).start()?;
    /// assert_eq!(ids.get_or_create("ada").await?, 1);
    /// assert!(ids.forget("ada").await?);
    /// assert_eq!(ids.get_or_create("ada").await?, 2);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn forget(&self, key: &str) -> Result<bool, Error> {
        Ok(self.forget_many([key]).await? > 0)
    }

    /// Takes the IDs of keys away; the answer is how many had one.
    ///
    /// # Errors
    /// As [`forget`](Self::forget); some of the keys may have been forgotten.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open which IDs were taken away.
    ///
    /// # Examples
    /// See [`forget`](Self::forget).
    pub async fn forget_many<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<usize, Error> {
        let Engine { backend, class, rules, .. } = &*self.engine;
        let mut forgotten = 0;
        for batch in checked(keys)?.chunks(MAX_BATCH) {
            forgotten += backend.forget_ids(class, batch, *rules).await?;
        }
        Ok(forgotten)
    }

    /// The key that has this ID, if there is one: the way back, for handles with
    /// [`reverse`](UniqueIdBuilder::reverse).
    ///
    /// IDs that were given without the way back have none until their key is asked for again. Where another program has
    /// given several keys one ID, it is the one of them that was asked for last.
    ///
    /// # Errors
    /// [`UniqueIdError::NoReverse`] if the handle was built without it; [`Error::Backend`].
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let links = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("link")).reverse().start()?;
    /// let id = links.get_or_create("https://example.org/a/long/way").await?;
    /// assert_eq!(links.key_of(id).await?.as_deref(), Some("https://example.org/a/long/way"));
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn key_of(&self, id: Id<C>) -> Result<Option<String>, Error> {
        Ok(self.keys_of([id]).await?.pop().flatten())
    }

    /// The keys that have these IDs, in the order of the IDs.
    ///
    /// # Errors
    /// As [`key_of`](Self::key_of).
    ///
    /// # Cancel safety
    /// It changes nothing, so it may be dropped at any time.
    ///
    /// # Examples
    /// See [`key_of`](Self::key_of).
    pub async fn keys_of(&self, ids: impl IntoIterator<Item = Id<C>>) -> Result<Vec<Option<String>>, Error> {
        let Engine { backend, class, rules, .. } = &*self.engine;
        if !rules.reverse {
            return Err(UniqueIdError::NoReverse.into());
        }
        let ids: Vec<_> = ids.into_iter().map(Id::get).collect();
        let mut keys = Vec::with_capacity(ids.len());
        for batch in ids.chunks(MAX_BATCH) {
            let found = backend.find_keys(class, batch).await?;
            keys.extend(found.into_iter().map(|key| key.map(|key| key.as_str().to_owned())));
        }
        Ok(keys)
    }

    /// A fresh ID, of no key: as a rule at once, from a range that was reserved before.
    ///
    /// # Contract
    /// No two calls on any machine get the same ID, and a call on a handle or its clones gets a greater one than all
    /// calls that ended before it began. There are gaps: what a process has reserved is lost when it ends. That is what is used in about
    /// three eighths of a second at the present rate, at least 48 IDs and at most one and a half times
    /// [`MAX_RESERVATION`]. The IDs come from the counter that [`get_or_create`](Self::get_or_create) uses, so each is
    /// unique among all of the class; give them a class of their own where mappings have to be dense.
    ///
    /// # Errors
    /// When the backend is slow or not there, the call waits, and fails after the handle's
    /// [`patience`](UniqueIdBuilder::patience) with [`UniqueIdError::OutOfPatience`]. What waiting does not help against
    /// is an [`Error::Backend`] at once.
    ///
    /// # Cancel safety
    /// Dropping the future loses at most the ID.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let events = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("event")).start()?;
    /// let first = events.next_id().await?;
    /// assert!(events.next_id().await? > first);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn next_id(&self) -> Result<Id<C>, Error> {
        let taken = self.engine.segments.take_one();
        if taken.runs_low {
            self.tell(Work::Fetch);
        }
        match taken.id {
            Some(id) => Ok(Id::new(id)),
            None => self.collect(1).await.map(|ids| Id::new(ids[0])),
        }
    }

    /// Fresh IDs, of no keys, in increasing order but not always one after the other.
    ///
    /// # Errors
    /// As [`next_id`](Self::next_id), and [`UniqueIdError::TooMany`] for more than [`MAX_RESERVATION`].
    ///
    /// # Cancel safety
    /// Dropping the future loses the IDs that it has got so far.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let rows = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("row")).start()?;
    /// assert_eq!(rows.next_ids(10_000).await?.len(), 10_000);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn next_ids(&self, count: usize) -> Result<Vec<Id<C>>, Error> {
        match count as u64 {
            0 => Ok(Vec::new()),
            wanted @ 1..=MAX_RESERVATION => Ok(self.collect(wanted).await?.into_iter().map(Id::new).collect()),
            _ => Err(UniqueIdError::TooMany { wanted: count }.into()),
        }
    }

    async fn collect(&self, count: u64) -> Result<Vec<u64>, Error> {
        self.engine.segments.collect(count, self.patience, || self.tell(Work::Fetch)).await
    }

    /// What has become of IDs that nobody got, and of the counter, as far as this handle and its clones know.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{IdClass, UniqueId};
    /// # use redis_ext_memory::MemoryBackend;
    /// # actix::System::new().block_on(async {
    /// let ids = UniqueId::builder(MemoryBackend::new(), IdClass::from_static("user")).start()?;
    /// let _ada = ids.get_or_create("ada").await?;
    /// assert_eq!((ids.stats().burnt, ids.stats().counter_losses), (0, 0));
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn stats(&self) -> UniqueIdStats {
        let Engine { counter, candidates, segments, .. } = &*self.engine;
        UniqueIdStats {
            burnt: counter.burnt() + candidates.burnt() + segments.burnt(),
            reserved: candidates.spare() as u64 + segments.left(),
            counter_losses: counter.losses(),
        }
    }

    /// Tells the actor that there is work. A dead one's mailbox would take the message and keep silent.
    fn tell(&self, work: Work) {
        if self.actor.connected() {
            self.actor.do_send(work);
        } else {
            self.engine.close();
        }
    }
}

fn checked<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Vec<IdKey>, Error> {
    keys.into_iter().map(|key| IdKey::new(key.as_ref()).map_err(Error::from)).collect()
}

impl<C> Clone for UniqueId<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.engine), self.actor.clone(), self.patience)
    }
}

impl<C> fmt::Debug for UniqueId<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueId")
            .field("class", &self.engine.class)
            .field("rules", &self.engine.rules)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
