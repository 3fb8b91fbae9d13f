//! The queues by name, and who is told when one of them changes.
//!
//! A queue is locked, through its shard of the map, for the time of one operation and never while anything waits.

use std::sync::Arc;

use dashmap::{DashMap, mapref::one::RefMut};
use redis_ext::{QueueName, Timestamp};
use tokio::sync::Notify;

use crate::{clock::Clock, queue::Queue};

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) clock: Clock,
    queues: DashMap<QueueName, Place>,
}

/// A queue and its bells.
#[derive(Debug, Default)]
struct Place {
    queue: Queue,
    bells: Arc<Bells>,
}

#[derive(Debug, Default)]
pub(crate) struct Bells {
    /// Wakes one waiter, as there is something to claim. It rings after every change that leaves something, so a
    /// waiter that takes only a part wakes the next one, and one that gives up wakes another in its place.
    pub(crate) ready: Notify,
    /// Wakes all who wait for the queue to have nothing left to do.
    pub(crate) idle: Notify,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { clock: Clock::start(), queues: DashMap::new() }
    }

    pub(crate) fn queue_count(&self) -> usize {
        self.queues.len()
    }

    pub(crate) fn bells(&self, name: &QueueName) -> Arc<Bells> {
        self.place(name).bells.clone()
    }

    pub(crate) fn read<R>(&self, name: &QueueName, read: impl FnOnce(&Queue) -> R) -> R {
        match self.queues.get(name) {
            Some(place) => read(&place.queue),
            None => read(&Queue::default()),
        }
    }

    pub(crate) fn change<R>(&self, name: &QueueName, change: impl FnOnce(&mut Queue, Timestamp) -> R) -> R {
        let mut place = self.place(name);
        let answer = change(&mut place.queue, self.clock.now());
        if place.queue.is_claimable() {
            place.bells.ready.notify_one();
        }
        if place.queue.is_idle() {
            place.bells.idle.notify_waiters();
        }
        answer
    }

    fn place(&self, name: &QueueName) -> RefMut<'_, QueueName, Place> {
        // A name is copied only for the first operation on its queue.
        match self.queues.get_mut(name) {
            Some(place) => place,
            None => self.queues.entry(name.clone()).or_default(),
        }
    }
}
