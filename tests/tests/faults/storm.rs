//! Whole workers in a storm of random faults.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use fastrand::Rng;
use redis_ext::{
    RedisTask as _, TaskId,
    backend::{DeadLetter, DeathReason, NewTask, Page, TaskBackend as _, UniqueLock},
    prelude::*,
    task::Envelope,
};
use redis_ext_tests::{Fault, Job, Kind, Ledger, Proxy, RedisServer};

use crate::{
    crew::{in_time, is_idle},
    table::Measurement,
};

/// How many jobs there are; two of 499 fail each time, or panic.
const JOBS: usize = 4_000;

/// Of how many commands one meets a fault.
const ONE_IN: u32 = 12;

/// The seed of this run: random, unless `REDIS_EXT_SEED` gives that of an earlier one.
fn seed() -> u64 {
    std::env::var("REDIS_EXT_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap())
}

fn any_fault(rng: &mut Rng) -> Fault {
    match rng.u32(..10) {
        // Each costs the patience with a silent server, so they are rarer than the others.
        0 if rng.bool() => Fault::LoseRequest,
        0 => Fault::LoseReply,
        1 | 2 => Fault::CutBefore,
        3 | 4 => Fault::CutAfter,
        5 | 6 => Fault::Delay(Duration::from_millis(rng.u64(1..50))),
        7 => Fault::Refuse("LOADING Redis is loading the dataset in memory"),
        8 => Fault::Refuse("BUSY Redis is busy running a script."),
        _ => Fault::Refuse("OOM command not allowed when used memory > 'maxmemory'."),
    }
}

/// Enqueues a few jobs at a time, each until it is certain that they are in the queue, and tells which of them it had to
/// enqueue again. A lock of each job's own keeps that from having an effect, unless the job is done by then.
async fn produce(backend: RedisBackend) -> HashSet<usize> {
    let task = |number: usize| {
        let (id, digest) = (TaskId::random(), format!("{number}"));
        let payload = format!(r#"{{"number":{number}}}"#);
        let mut envelope = Envelope::new(id, SystemTime::now().into(), payload.as_bytes());
        envelope.unique = Some(digest.clone().into());
        NewTask::new(envelope.to_entry()).with_id(id).unique(UniqueLock { digest, ttl: Duration::from_secs(600) })
    };
    let mut enqueued_again = HashSet::new();
    for from in (0..JOBS).step_by(20) {
        let jobs: Vec<_> = (from..from + 20).map(task).collect();
        while let Err(error) = backend.enqueue(&Job::QUEUE, &jobs).await {
            assert!(error.is_retryable(), "{error:?}");
            enqueued_again.extend(from..from + 20);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    enqueued_again
}

fn number_in(letter: &DeadLetter) -> usize {
    Job::decode(Envelope::parse(&letter.entry).unwrap().payload()).unwrap().number
}

#[test]
fn workers_and_producers_in_a_storm_of_faults_lose_nothing() {
    let measurement = Measurement::begin();
    let seed = seed();
    println!("the storm's seed: REDIS_EXT_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let server = RedisServer::start();
    let proxy = Proxy::to(&server);
    let ledger = Ledger::default();
    let hook = std::panic::take_hook();
    // The handlers' panics are part of the play, and would bury the test's own messages.
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("a job that panics") {
            hook(panic);
        }
    }));
    actix::System::new().block_on(async {
        let connect = async |url: &str| {
            let builder = RedisBackend::builder(url).response_timeout(Duration::from_millis(300));
            builder.connect().await.unwrap()
        };
        let (stormy, calm) = (connect(&proxy.url()).await, connect(&server.url()).await);
        let noting = ledger.clone();
        // Little is held at a time, so that there are many commands to go wrong.
        let options = redis_ext::HandlerOptions::from(Concurrency::new(8)).prefetch(2);
        let workers = WorkerSupervisor::builder(stormy.clone())
            .handler_fn(options, move |job: Task<Job>| {
                let ledger = noting.clone();
                async move {
                    let run = ledger.begin(0, job.number);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    ledger.end(run);
                    match job.kind() {
                        Kind::Succeeds => Ok(()),
                        Kind::Fails => Err(TaskError::new("a job that fails")),
                        Kind::Panics => panic!("a job that panics"),
                    }
                }
            })
            .start()
            .unwrap();

        proxy.rule(move |_| (rng.u32(..ONE_IN) == 0).then(|| any_fault(&mut rng)));
        let enqueued_again = produce(stormy).await;
        in_time("everything is done or dead", Duration::from_secs(120), || is_idle(&calm)).await;
        let faults = proxy.calm();
        workers.shutdown().await.unwrap();

        assert_eq!(ledger.lost(JOBS), [0; 0], "seed {seed}");
        let left = calm.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.ready, left.claimed, left.scheduled, left.workers), (0, 0, 0, 0), "seed {seed}");
        let letters = calm.dead_letters(&Job::QUEUE, Page::default().limit(512)).await.unwrap().letters;
        assert!(letters.iter().all(|letter| letter.reason == DeathReason::AttemptsExhausted), "{letters:?}");
        let mut dead: Vec<usize> = letters.iter().map(number_in).collect();
        dead.sort_unstable();
        dead.dedup();
        let faulty: Vec<_> = (0..JOBS).filter(|&number| Job { number }.kind() != Kind::Succeeds).collect();
        assert_eq!(dead, faulty, "exactly what fails is dead; seed {seed}");
        for runs in ledger.repeated() {
            let job = runs[0].job;
            let attempts = if faulty.contains(&job) { 3 } else { 1 };
            let may_stand_twice = enqueued_again.contains(&job);
            assert!(runs.len() == attempts || may_stand_twice, "job {job} ran {} times; seed {seed}", runs.len());
        }
        assert!(faults > 100, "{faults} faults are no storm");
        measurement.end(
            format!("storm of {faults} faults, one in {ONE_IN} commands, seed {seed}"),
            JOBS,
            &ledger,
            None,
        );
    });
}
