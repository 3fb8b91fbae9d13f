//! The actor that starts the lanes, replaces those that fall, and knows when all have ended.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{Actor, ActorContext as _, Addr, Arbiter, ArbiterHandle, AsyncContext as _, Context, Handler, Message};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::Notify;

use super::{
    Concurrency, ErrorPolicy, Precedence, RestartBudget, WorkerOptions, WorkerSupervisorBuilder,
    lane::Lane,
    maintenance::Maintenance,
    quota::{QueueQuota, Quota},
    runner::RunnerFactory,
    shutdown::Shutdown,
    suspicion::Court,
    workers::Workers,
};
use crate::{QueueName, backend::TaskBackend};

/// A lane that fell is started again after this long.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Supervises the workers of a process: for each queue a lane per arbiter, which claims tasks, runs them in handlers
/// and settles their outcomes.
///
/// # Examples
/// See [`WorkerSupervisorBuilder`].
pub struct WorkerSupervisor {
    plan: Plan,
    arbiters: Vec<Arbiter>,
    lanes: Vec<PlannedLane>,
    quota: Option<Arc<Quota>>,
    court: Court,
    running: usize,
    shutdown: Shutdown,
    /// An actor that nobody has an address of ends, and between two lanes nobody has.
    address: Option<Addr<Self>>,
}

/// What a supervisor is to do.
pub(super) struct Plan {
    pub(super) backend: Arc<dyn TaskBackend>,
    pub(super) options: WorkerOptions,
    pub(super) limit: Option<(Concurrency, Precedence)>,
    pub(super) queues: Vec<PlannedQueue>,
}

pub(super) struct PlannedQueue {
    pub(super) queue: QueueName,
    pub(super) concurrency: usize,
    pub(super) prefetch: usize,
    pub(super) weight: u32,
    pub(super) error_policy: ErrorPolicy,
    pub(super) restart_budget: RestartBudget,
    pub(super) runner: RunnerFactory,
}

/// One queue's share of one arbiter.
struct PlannedLane {
    queue: usize,
    /// Which of the supervisor's arbiters it is on; without any, on the supervisor's own.
    arbiter: Option<usize>,
    concurrency: usize,
    retry_scheduled: Arc<Notify>,
}

/// A lane has ended: in order when the supervisor shuts down, otherwise by a fault in it.
struct LaneEnded {
    lane: usize,
}

impl Message for LaneEnded {
    type Result = ();
}

/// Tells the supervisor of a lane's end, however it comes about: with its arbiter, too.
struct LaneWatch {
    lane: usize,
    supervisor: Addr<WorkerSupervisor>,
}

impl Drop for LaneWatch {
    fn drop(&mut self) {
        self.supervisor.do_send(LaneEnded { lane: self.lane });
    }
}

impl WorkerSupervisor {
    /// Starts to put a supervisor together.
    pub fn builder(backend: impl TaskBackend) -> WorkerSupervisorBuilder {
        WorkerSupervisorBuilder::new(Arc::new(backend))
    }

    pub(super) fn start(plan: Plan) -> Workers {
        let (backend, options) = (Arc::clone(&plan.backend), plan.options);
        let queues = plan.queues.iter().map(|planned| planned.queue.clone()).collect();
        let shutdown = Shutdown::default();
        let workers = Workers::new(backend, queues, options.hold.grace, shutdown.clone());
        let weights = plan.queues.iter().map(|planned| planned.weight);
        let quota = plan.limit.map(|(limit, precedence)| Quota::new(limit.tasks(), precedence, weights));
        let supervisor = Self {
            plan,
            arbiters: Vec::new(),
            lanes: Vec::new(),
            quota,
            court: Court::new(),
            running: 0,
            shutdown,
            address: None,
        };
        Actor::start(supervisor);
        workers
    }

    fn plan_lanes(&mut self) {
        self.arbiters = (0..self.plan.options.arbiters).map(|_| Arbiter::new()).collect();
        let places: Vec<_> =
            if self.arbiters.is_empty() { vec![None] } else { (0..self.arbiters.len()).map(Some).collect() };
        for (queue, planned) in self.plan.queues.iter().enumerate() {
            let scheduled = Arc::new(Notify::new());
            for (at, &arbiter) in places.iter().enumerate() {
                let concurrency = share(planned.concurrency, at, places.len());
                if concurrency > 0 {
                    let retry_scheduled = Arc::clone(&scheduled);
                    self.lanes.push(PlannedLane { queue, arbiter, concurrency, retry_scheduled });
                }
            }
            let maintenance = Maintenance {
                backend: Arc::clone(&self.plan.backend),
                queue: planned.queue.clone(),
                options: self.plan.options,
                scheduled,
                shutdown: self.shutdown.clone(),
            };
            actix::spawn(maintenance.run());
        }
    }

    fn start_lane(&mut self, at: usize, ctx: &Context<Self>) {
        let planned = &self.lanes[at];
        let PlannedQueue { queue, prefetch, error_policy, restart_budget, runner, .. } =
            &self.plan.queues[planned.queue];
        let quota = self.quota.as_ref().map(|quota| QueueQuota { shared: Arc::clone(quota), queue: planned.queue });
        let home = Arbiter::current();
        let lane = Lane {
            backend: Arc::clone(&self.plan.backend),
            queue: queue.clone(),
            concurrency: planned.concurrency,
            prefetch: *prefetch,
            error_policy: *error_policy,
            restart_budget: *restart_budget,
            quota,
            court: self.court.clone(),
            task_options: runner.options.clone(),
            options: self.plan.options,
            shutdown: self.shutdown.clone(),
            spawn: Arc::new(move |beside: BoxFuture<'static, ()>| {
                home.spawn(beside);
            }),
            retry_scheduled: Arc::clone(&planned.retry_scheduled),
        };
        let runner = runner.clone();
        let watch = LaneWatch { lane: at, supervisor: ctx.address() };
        self.running += 1;
        let started = self.handle_of(planned.arbiter).spawn_fn(move || {
            actix::spawn(async move {
                let _watch = watch;
                let ended = AssertUnwindSafe(lane.run(runner.make())).catch_unwind().await;
                if ended.is_err() {
                    tracing::error!("a worker lane panicked, which is a fault in redis-ext: please report it");
                }
            });
        });
        if !started && let Some(arbiter) = planned.arbiter {
            tracing::error!("a handler has stopped its arbiter: the workers get another one");
            self.arbiters[arbiter] = Arbiter::new();
        }
    }

    fn handle_of(&self, arbiter: Option<usize>) -> ArbiterHandle {
        arbiter.map_or_else(Arbiter::current, |at| self.arbiters[at].handle())
    }
}

/// The share of one out of `parts`, which together make up `whole`.
fn share(whole: usize, at: usize, parts: usize) -> usize {
    whole / parts + usize::from(at < whole % parts)
}

impl Actor for WorkerSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.address = Some(ctx.address());
        self.plan_lanes();
        for lane in 0..self.lanes.len() {
            self.start_lane(lane, ctx);
        }
        if self.running == 0 {
            ctx.stop();
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.shutdown.close();
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

impl Handler<LaneEnded> for WorkerSupervisor {
    type Result = ();

    fn handle(&mut self, LaneEnded { lane }: LaneEnded, ctx: &mut Self::Context) {
        self.running -= 1;
        if !self.shutdown.is_draining() {
            ctx.run_later(RESTART_AFTER, move |supervisor, ctx| supervisor.start_lane(lane, ctx));
        } else if self.running == 0 {
            ctx.stop();
        }
    }
}

impl fmt::Debug for WorkerSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerSupervisor")
            .field("options", &self.plan.options)
            .field("lanes", &self.lanes.len())
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_make_up_the_whole() {
        for (whole, parts) in [(1, 2), (16, 2), (7, 3), (2, 8)] {
            let shares: Vec<_> = (0..parts).map(|at| share(whole, at, parts)).collect();
            assert_eq!(shares.iter().sum::<usize>(), whole);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
        }
    }
}
