//! Workers come, go and die.

use proptest::prelude::*;
use std::time::Duration;

use redis_ext::backend::{Recovered, Recovery};

use super::{
    machine::{Agreed, Machine, Worker},
    ops::{Span, WORKERS},
};

/// More calls than a recovery takes of all that the workers of one case can have claimed.
const ENOUGH_CALLS: usize = 100;

impl Machine {
    pub(crate) async fn join(&mut self, worker: usize, lease: Span) -> Agreed {
        if !self.model.has_joined(self.workers[worker].id()) {
            self.workers[worker] = Worker::new(&self.world);
        }
        let (ttl, time) = self.last(lease);
        self.world.backend.join(&self.workers[worker].lease, ttl).await?;
        self.model.extend_lease(self.workers[worker].id(), time);
        Ok(())
    }

    pub(crate) async fn renew(&mut self, worker: usize, lease: Span) -> Agreed {
        let (ttl, time) = self.last(lease);
        let answer = self.world.backend.renew(&self.workers[worker].lease, ttl).await;
        if self.fenced(worker, answer)?.is_some() {
            self.model.extend_lease(self.workers[worker].id(), time);
        }
        Ok(())
    }

    pub(crate) async fn leave(&mut self, worker: usize) -> Agreed {
        let returned = self.world.backend.leave(&self.workers[worker].lease).await?;
        let expected = self.model.leave(self.workers[worker].id());
        self.note("a worker left tasks behind", expected > 0);
        prop_assert_eq!(returned, expected);
        Ok(())
    }

    pub(crate) async fn expire(&mut self, workers: &[bool; WORKERS]) -> Agreed {
        for worker in (0..WORKERS).filter(|&worker| workers[worker]) {
            self.renew(worker, Span::Moment).await?;
        }
        Ok(())
    }

    pub(crate) async fn recover(&mut self, poison_after: u32) -> Agreed {
        let dying: Vec<_> = self.model.expired().into_iter().map(|id| self.model.claimed(id)).collect();
        let tasks = || dying.iter().flat_map(|claimed| claimed.values());
        self.note("several workers died at once", dying.iter().filter(|claimed| !claimed.is_empty()).count() > 1);
        self.note("a bare task was recovered", tasks().any(|task| task.is_number() && task.envelope.is_none()));
        self.note("a task that cannot count was recovered", tasks().any(|task| !task.is_number()));

        let (mut requeued, mut buried) = (0, 0);
        for call in 0.. {
            prop_assert!(call < ENOUGH_CALLS, "the recovery does not come to an end");
            let step: Recovered = self
                .world
                .backend
                .recover(&self.world.queue, &Recovery::default().poison_after(poison_after), Duration::ZERO)
                .await?;
            (requeued, buried) = (requeued + step.requeued, buried + step.buried);
            if !step.more {
                break;
            }
        }
        let (locks, expected) = (self.model.locks(), self.model.recover(poison_after));
        self.note("a task was poison", expected.1 > 0);
        self.note("poison released a lock", self.model.locks() < locks);
        prop_assert_eq!((requeued, buried), expected);
        Ok(())
    }
}
