//! Applies operations to the model and to a backend, and compares the answers.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use redis_ext::{
    BackendError, BackendErrorKind,
    backend::{Claim, Lease, WorkerId},
};

use super::{
    Tally,
    ops::{Op, Span, WORKERS},
    reference::{HOUR, Place, Queue, Time},
    settling::LastSettled,
    world::World,
};

/// Whether the two still agree; if not, in what they differ.
pub(crate) type Agreed<T = ()> = Result<T, TestCaseError>;

pub(crate) struct Machine {
    pub(crate) world: World,
    pub(crate) model: Queue,
    pub(crate) workers: Vec<Worker>,
    pub(crate) payloads: u64,
    moment_begun: bool,
    pub(crate) tally: Tally,
}

/// What a worker knows: the model has nothing of this.
pub(crate) struct Worker {
    pub(crate) lease: Lease,
    pub(crate) batches: u64,
    /// All that it ever claimed.
    pub(crate) entries: BTreeMap<Place, Vec<u8>>,
    /// The last claim, and how many tasks it gave.
    pub(crate) last_claim: Option<(Claim, usize)>,
    pub(crate) last_settled: Option<LastSettled>,
}

impl Worker {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            lease: Lease { queue: world.queue.clone(), worker: WorkerId::random() },
            batches: 0,
            entries: BTreeMap::new(),
            last_claim: None,
            last_settled: None,
        }
    }

    pub(crate) fn id(&self) -> WorkerId {
        self.lease.worker
    }
}

impl Machine {
    pub(crate) fn new(world: World) -> Self {
        let workers = (0..WORKERS).map(|_| Worker::new(&world)).collect();
        let model = Queue::new();
        Self { world, model, workers, payloads: 0, moment_begun: false, tally: Tally::new() }
    }

    pub(crate) fn note(&mut self, what: &'static str, happened: bool) {
        *self.tally.entry(what).or_default() += usize::from(happened);
    }

    pub(crate) async fn apply(&mut self, op: &Op) -> Agreed {
        match op {
            Op::Add { tasks, due, again } => self.add(tasks, *due, *again).await?,
            Op::Promote { max } => self.promote(*max).await?,
            Op::Join { worker, hours } => self.join(*worker, Span::HoursAndAHalf(*hours)).await?,
            Op::Renew { worker, hours } => self.renew(*worker, Span::HoursAndAHalf(*hours)).await?,
            Op::Leave { worker } => self.leave(*worker).await?,
            Op::Claim { worker, max } => self.claim(*worker, *max).await?,
            Op::ClaimAgain { worker } => self.claim_again(*worker).await?,
            Op::Settle { worker, picks, next } => self.settle(*worker, picks, *next).await?,
            Op::SettleAgain { worker } => self.settle_again(*worker).await?,
            Op::Expire { workers } => self.expire(workers).await?,
            Op::Recover { poison_after } => self.recover(*poison_after).await?,
            Op::Pause => self.pause(true).await?,
            Op::Resume => self.pause(false).await?,
            Op::Replay(choice) => self.replay(choice).await?,
            Op::DeleteDead(choice) => self.delete_dead(choice).await?,
            Op::TrimDead { count, hours, empty } => self.trim_dead(*count, Span::HoursAndAHalf(*hours), *empty).await?,
            Op::DeadLetters { offset, limit } => self.dead_letters(*offset, *limit).await?,
            Op::HoursPass(hours) => self.pass(*hours).await,
        }
        self.end_moment().await;
        self.compare_counts().await
    }

    /// What a call of `worker` gives while it holds its lease; nothing when both agree that it does not.
    pub(crate) fn fenced<T>(&mut self, worker: usize, answer: Result<T, BackendError>) -> Agreed<Option<T>> {
        let has_joined = self.model.has_joined(self.workers[worker].id());
        self.note("a lease was lost", !has_joined);
        match answer {
            Ok(answer) if has_joined => Ok(Some(answer)),
            Err(error) if !has_joined && error.kind() == BackendErrorKind::LeaseLost => Ok(None),
            Ok(_) => Err(TestCaseError::fail("a worker without a lease got an answer")),
            Err(error) => Err(TestCaseError::fail(format!("a worker with a lease got an error: {error:?}"))),
        }
    }

    /// A span for the backend and for the model. If it is a moment, it ends before the next operation.
    pub(crate) fn last(&mut self, span: Span) -> (Duration, Time) {
        self.moment_begun |= span == Span::Moment;
        (span.duration(), span.time())
    }

    async fn end_moment(&mut self) {
        if std::mem::take(&mut self.moment_begun) {
            self.world.moment().await;
            self.model.now += 1;
        }
    }

    pub(crate) async fn pass(&mut self, hours: u8) {
        for _ in 0..hours {
            self.world.hour().await;
            self.model.now += HOUR;
        }
    }
}
