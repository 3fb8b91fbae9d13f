//! Debouncing: how fast triggers and firings go, how late firings are, and what a million pending ones cost.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{
    cell::Cell,
    io,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};

use actix::{Actor, Context, Handler, System};
use redis_ext::{
    Debounce, DebounceScheduler, Debouncer, Fired, RedisBackend, RedisTask, TaskError,
    backend::{DebounceBackend as _, Due, MAX_BATCH, PayloadRule, Repeat, TaskBackend as _, Trigger, TriggerRules},
};
use redis_ext_benches::{Contest, Latencies, Options, Outcome, Report, Sample, Stopwatch};
use redis_ext_tests::RedisServer;
use tokio::{runtime::Runtime, task::JoinSet};

/// Firings a second in the contest of lateness.
const FIRINGS_PER_SECOND: u64 = 1_000;
/// The lateness is measured over so many times the time of a run.
const LONGER: u32 = 10;
/// How many callers share a connection.
const CALLERS: usize = 64;
/// How long schedulers have to begin before the first firing is due.
const HEAD_START: Duration = Duration::from_millis(300);

const KEEP: TriggerRules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
const LATER: Due = Due::In(Duration::from_secs(3600));

#[derive(Debug, RedisTask)]
struct Job {
    number: u64,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let bench = Bench::new();
    let mut report = Report::new("debounce", options.clone());
    report.add(bench.triggering(&options));
    report.add(bench.firing(&options));
    report.add(bench.lateness(&options));
    report.add(bench.a_million_pending(&options));
    report.finish()
}

/// A server, and a thread to talk to it from.
struct Bench {
    server: RedisServer,
    runtime: Runtime,
    backend: RedisBackend,
    /// No two jobs are the same.
    next: Cell<u64>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (server, runtime) = (RedisServer::start(), runtime.expect("a runtime can be built"));
        let backend = runtime.block_on(connect(&server));
        Self { server, runtime, backend, next: Cell::new(0) }
    }

    fn jobs(&self) -> Debouncer<Job> {
        jobs(&self.backend)
    }

    fn new_job(&self) -> Job {
        self.next.set(self.next.get() + 1);
        Job { number: self.next.get() }
    }

    fn new_triggers(&self, count: usize, due: Due) -> Vec<Trigger> {
        (0..count).map(|_| Trigger::new(format!("{{\"number\": {}}}", self.new_job().number), due)).collect()
    }

    fn clear(&self) {
        self.runtime.block_on(async { self.jobs().clear().await.expect("the server clears the key") });
    }

    fn triggering(&self, options: &Options) -> Outcome {
        let jobs = self.jobs();
        Contest::new("triggering", "triggers")
            .contestant("one caller, awaiting each", |time| {
                self.clear();
                self.runtime.block_on(async {
                    let watch = Stopwatch::start(&self.server);
                    let mut done = 0;
                    while watch.elapsed() < time {
                        jobs.schedule(&self.new_job()).await.expect("the server takes the trigger");
                        done += 1;
                    }
                    watch.stop(done)
                })
            })
            .contestant(format!("{CALLERS} callers at once"), |time| {
                self.clear();
                self.runtime.block_on(async {
                    let watch = Stopwatch::start(&self.server);
                    let mut done = 0;
                    while watch.elapsed() < time {
                        let mut callers = JoinSet::new();
                        for _ in 0..CALLERS {
                            let (jobs, job) = (jobs.clone(), self.new_job());
                            callers.spawn(async move { jobs.schedule(&job).await.expect("the server takes it") });
                        }
                        done += callers.join_all().await.len() as u64;
                    }
                    watch.stop(done)
                })
            })
            .contestant(format!("{MAX_BATCH} a call"), |time| self.trigger_batches(time))
            .hold(options)
    }

    fn trigger_batches(&self, time: Duration) -> Sample {
        self.clear();
        self.runtime.block_on(async {
            let watch = Stopwatch::start(&self.server);
            let mut done = 0;
            while watch.elapsed() < time {
                done += self.trigger(MAX_BATCH, LATER).await;
            }
            watch.stop(done)
        })
    }

    async fn trigger(&self, count: usize, due: Due) -> u64 {
        let triggers = self.new_triggers(count, due);
        for slice in triggers.chunks(MAX_BATCH) {
            self.backend.trigger(self.jobs().key(), slice, &KEEP).await.expect("the server takes the triggers");
        }
        count as u64
    }

    fn firing(&self, options: &Options) -> Outcome {
        let jobs = self.jobs();
        Contest::new("firing what is due", "firings")
            .contestant(format!("pop_due({MAX_BATCH})"), |time| {
                self.clear();
                self.runtime.block_on(async {
                    let count = backlog(time);
                    self.trigger(count, Due::In(Duration::ZERO)).await;
                    let watch = Stopwatch::start(&self.server);
                    let mut done = 0;
                    while done < count {
                        done += jobs.pop_due(MAX_BATCH).await.expect("the server gives what is due").len();
                    }
                    watch.stop(done as u64)
                })
            })
            .contestant("a scheduler, into a queue", |time| {
                self.clear();
                let count = backlog(time);
                self.runtime.block_on(self.trigger(count, Due::In(Duration::ZERO)));
                let watch = Stopwatch::start(&self.server);
                let scheduler =
                    |backend: RedisBackend| DebounceScheduler::builder(backend.clone()).to_queue(&jobs_of(backend));
                schedulers(&self.server, 1, scheduler);
                let sample = watch.stop(count as u64);
                self.runtime.block_on(async {
                    let ready = self.backend.inspect(&Job::QUEUE).await.expect("the server counts").ready;
                    assert!(ready >= count, "all are in the queue");
                });
                sample
            })
            .hold(options)
    }

    fn lateness(&self, options: &Options) -> Outcome {
        // One run is long enough to say something of its slowest firings.
        let options = options.clone().with_rounds(options.rounds().min(3));
        Contest::new("how late firings are, 1,000 a second", "firings")
            .contestant("one scheduler", |time| self.late_firings(1, time))
            .contestant("four schedulers", |time| self.late_firings(4, time))
            .hold(&options)
    }

    fn late_firings(&self, count: usize, time: Duration) -> Sample {
        self.clear();
        let spread = time * LONGER;
        let begin = SystemTime::now() + HEAD_START;
        let firings = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX) * FIRINGS_PER_SECOND / 1000;
        self.runtime.block_on(async {
            // Due at whole milliseconds, as due times are told so.
            let due = |at: u64| begin + Duration::from_millis(at * 1000 / FIRINGS_PER_SECOND);
            let jobs = self.jobs();
            for slice in (0..firings).collect::<Vec<_>>().chunks(MAX_BATCH) {
                let triggers: Vec<_> =
                    slice.iter().flat_map(|&at| self.new_triggers(1, Due::At(due(at).into()))).collect();
                self.backend.trigger(jobs.key(), &triggers, &KEEP).await.expect("the server takes the triggers");
            }
        });
        let latencies = Arc::new(Mutex::new(Latencies::new()));
        let noted = Arc::clone(&latencies);
        let watch = Stopwatch::start(&self.server);
        schedulers(&self.server, count, move |backend| {
            let recipient = Clock(Arc::clone(&noted)).start().recipient();
            DebounceScheduler::builder(backend.clone()).to_recipient(&jobs_of(backend), recipient)
        });
        let latencies = latencies.lock().expect("no recipient has panicked");
        watch.stop(firings).with_latencies(&latencies)
    }

    fn a_million_pending(&self, options: &Options) -> Outcome {
        let many = if options.is_quick() { 10_000 } else { 1_000_000 };
        let contest =
            [0, many].into_iter().fold(Contest::new("beside what is pending", "triggers"), |contest, others| {
                contest.contestant(format!("{MAX_BATCH} a call, {others} others pending"), move |time| {
                    self.clear();
                    self.runtime.block_on(async {
                        // In a key of their own for each round: what is pending is what this contestant wants.
                        self.trigger(others, Due::In(Duration::from_secs(7200))).await;
                        let watch = Stopwatch::start(&self.server);
                        let mut done = 0;
                        while watch.elapsed() < time {
                            // They are due, and fire.
                            done += self.trigger(MAX_BATCH, Due::In(Duration::ZERO)).await;
                            let popped = self.jobs().pop_due(MAX_BATCH).await.expect("the server gives what is due");
                            assert_eq!(popped.len(), MAX_BATCH);
                        }
                        watch.stop(done)
                    })
                })
            });
        let options = options.clone().with_rounds(options.rounds().min(3));
        contest.hold(&options)
    }
}

async fn connect(server: &RedisServer) -> RedisBackend {
    RedisBackend::connect(&server.url()).await.expect("the server takes connections")
}

fn jobs(backend: &RedisBackend) -> Debouncer<Job> {
    jobs_of(backend.clone())
}

fn jobs_of(backend: RedisBackend) -> Debouncer<Job> {
    Debouncer::new(backend, "debounced", Debounce::after(Duration::from_secs(3600))).expect("the key is one")
}

/// As many as fire in about `time`.
fn backlog(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX) * 100
}

/// Notes how late each firing is: both clocks are this machine's.
struct Clock(Arc<Mutex<Latencies>>);

impl Actor for Clock {
    type Context = Context<Self>;
}

impl Handler<Fired<Job>> for Clock {
    type Result = Result<(), TaskError>;

    fn handle(&mut self, fired: Fired<Job>, _: &mut Context<Self>) -> Self::Result {
        let late = SystemTime::now().duration_since(fired.due()).unwrap_or_default();
        self.0.lock().map_err(|_| TaskError::new("a recipient has panicked"))?.record(late);
        Ok(())
    }
}

/// Runs schedulers, a thread and a connection each, until nothing is left.
fn schedulers(
    server: &RedisServer,
    count: usize,
    builder: impl Fn(RedisBackend) -> redis_ext::debounce::DebounceSchedulerBuilder + Clone + Send + 'static,
) {
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (url, builder) = (server.url(), builder.clone());
            thread::spawn(move || {
                System::new().block_on(async {
                    let backend = RedisBackend::connect(&url).await.expect("the server takes connections");
                    builder(backend).start().expect("it can start").run_until_idle().await.expect("the server goes on");
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no scheduler has panicked");
    }
}
