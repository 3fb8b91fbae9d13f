//! What requests and tasks share: the parts that the service is made of, and what it does with more than one of them.

use std::sync::Arc;

use redis_ext::{Backend, Enqueue as _, unique_id::Id};

use crate::{Address, Error, Issues, Post, Subscriber, Subscribers, tasks::Welcome};

/// The parts of the service.
pub struct Newsletter {
    /// Where tasks go.
    pub backend: Arc<dyn Backend>,
    /// Who gets mail.
    pub subscribers: Subscribers,
    /// What is in the mails.
    pub issues: Issues,
    /// What takes the mails.
    pub post: Arc<dyn Post>,
}

impl Newsletter {
    // ANCHOR: subscribe
    /// Subscribes an address; the answer is the subscriber, and whether it is a new one.
    ///
    /// # Errors
    /// [`Error::Suppressed`], [`Error::Store`]. Asking again does no harm.
    pub async fn subscribe(&self, address: Address) -> Result<(Subscriber, bool), Error> {
        if self.subscribers.is_suppressed(&address)? {
            return Err(Error::Suppressed);
        }
        let subscriber = self.subscribers.at(address).await?;
        if self.subscribers.has(&subscriber)? {
            return Ok((subscriber, false));
        }
        // First what may be done twice, then what says that it is done: whatever fails in between, asking again mends it.
        Welcome { to: subscriber.clone() }.enqueue(&self.backend).await?;
        let is_new = self.subscribers.add(subscriber.clone()).await?;
        Ok((subscriber, is_new))
    }
    // ANCHOR_END: subscribe

    /// Sees to it that the subscriber with this number gets no more mails.
    ///
    /// # Errors
    /// [`Error::NoSuchSubscriber`], [`Error::Store`]. Asking again does no harm.
    pub async fn unsubscribe(&self, number: Id<Subscriber>) -> Result<(), Error> {
        let address = self.subscribers.address_of(number).await?;
        self.subscribers.suppress(address).await?;
        Ok(())
    }
}
