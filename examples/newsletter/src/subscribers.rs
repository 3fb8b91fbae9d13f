//! Who gets mail: a number for each address, who has subscribed, and who must not be written to whatever they have done
//! before. The last two are sets that every process has a copy of, so that asking them costs a hash lookup.

use std::sync::Arc;

use redis_ext::{
    Backend, FastSet, IdClass, IdTtl, UniqueId,
    unique_id::{HasId, Id},
};
use serde::{Deserialize, Serialize};

use crate::{Address, Error};

/// Somebody who has subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subscriber {
    /// The subscriber's number, which is the address's for ever.
    pub number: Id<Subscriber>,
    /// Where the mails go.
    pub address: Address,
}

impl HasId for Subscriber {
    const CLASS: IdClass = IdClass::from_static("newsletter:subscriber");
}

/// All of them. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct Subscribers {
    numbers: UniqueId<Subscriber>,
    subscribed: FastSet<Subscriber>,
    suppressed: FastSet<Address>,
}

impl Subscribers {
    // ANCHOR: open
    /// Loads the two sets.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open(backend: &Arc<dyn Backend>) -> Result<Self, Error> {
        Ok(Self {
            // For ever: unless told so, a mapping lives for an hour. And with the way back, from a number to its address.
            numbers: UniqueId::of::<Subscriber>(Arc::clone(backend)).ttl(IdTtl::NONE).reverse().start()?,
            // With a copy that is too old, reads fail rather than answer: no mail is better than one too many.
            subscribed: FastSet::builder(Arc::clone(backend), "newsletter:subscribed").open().await?,
            suppressed: FastSet::builder(Arc::clone(backend), "newsletter:suppressed").open().await?,
        })
    }
    // ANCHOR_END: open

    /// The subscriber with this address, who need not have subscribed yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn at(&self, address: Address) -> Result<Subscriber, Error> {
        let number = self.numbers.get_or_create(address.as_str()).await?;
        Ok(Subscriber { number, address })
    }

    /// The address of the subscriber with this number.
    ///
    /// # Errors
    /// [`Error::NoSuchSubscriber`], [`Error::Store`].
    pub async fn address_of(&self, number: Id<Subscriber>) -> Result<Address, Error> {
        let address = self.numbers.key_of(number).await?;
        address.and_then(|address| address.parse().ok()).ok_or(Error::NoSuchSubscriber(number.get()))
    }

    /// Whether they have subscribed; also if they have unsubscribed since.
    ///
    /// # Errors
    /// [`Error::Store`] when the copy is too old to tell.
    pub fn has(&self, subscriber: &Subscriber) -> Result<bool, Error> {
        Ok(self.subscribed.contains(subscriber)?)
    }

    /// Puts a subscription on record.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn add(&self, subscriber: Subscriber) -> Result<bool, Error> {
        Ok(self.subscribed.insert(subscriber).await?)
    }

    /// Whether this address must not be written to.
    ///
    /// # Errors
    /// [`Error::Store`] when the copy is too old to tell.
    pub fn is_suppressed(&self, address: &Address) -> Result<bool, Error> {
        Ok(self.suppressed.contains(address)?)
    }

    /// From now on this address is not written to: one write, whatever is on record of it elsewhere.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn suppress(&self, address: Address) -> Result<bool, Error> {
        Ok(self.suppressed.insert(address).await?)
    }

    // ANCHOR: recipients
    /// Those who have subscribed and may be written to, as of now.
    ///
    /// # Errors
    /// [`Error::Store`] when the copies are too old to tell.
    pub fn recipients(&self) -> Result<Vec<Arc<Subscriber>>, Error> {
        let (subscribed, suppressed) = (self.subscribed.snapshot()?, self.suppressed.snapshot()?);
        Ok(subscribed.shared().filter(|subscriber| !suppressed.contains(&subscriber.address)).cloned().collect())
    }
    // ANCHOR_END: recipients
}
