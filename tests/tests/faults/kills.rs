//! Processes that die, freeze and come back: workers, and the server.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis_ext::{backend::TaskBackend as _, prelude::*, worker::LeaseOptions};
use redis_ext_tests::{Job, Ledger, RedisServer, eventually};

use crate::{
    crew::{Worker, enqueue, in_time, is_idle},
    table::Measurement,
};

/// These tests keep both cores busy and look at the time: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// How long it may take from a death until the victim's tasks are begun anew, as promised.
const RERUN_WITHIN: Duration = Duration::from_secs(10);

/// What was done so long before a death is settled for certain: an outcome waits for 20 ms, and then for one answer.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// Runs `scene` in an actix System, and no other scene beside it.
pub(crate) fn play<F: Future<Output = ()>>(scene: impl FnOnce() -> F) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    actix::System::new().block_on(scene());
}

fn direct_to(server: &RedisServer) -> redis::Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

/// Holds that each job that was run twice was in flight when one of these workers was struck.
fn only_what_was_in_flight_was_repeated(ledger: &Ledger, strikes: &[(usize, Instant)]) {
    for runs in ledger.repeated() {
        for run in &runs[..runs.len() - 1] {
            let was_in_flight = strikes.iter().any(|&(worker, at)| {
                run.worker == worker
                    && run.begun <= at + SETTLED_AFTER
                    && run.ended.is_none_or(|end| end + SETTLED_AFTER > at)
            });
            assert!(was_in_flight, "job {} was run again without need: {runs:?}", run.job);
        }
    }
}

#[test]
fn tasks_of_killed_workers_are_rerun_within_ten_seconds_and_none_is_lost() {
    let rounds = std::env::var("REDIS_EXT_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let tasks = if rounds < 20 { 10_000 } else { 50_000 };
    let measurement = Measurement::begin();
    play(async move || {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let start = || Worker::start(&server, &ledger, Duration::from_millis(50), 32);
        let mut workers = vec![start(), start(), start()];
        let mut kills = Vec::new();
        for round in 1..=rounds {
            let so_many = tasks * round / (rounds + 1);
            in_time("the workers go on", RERUN_WITHIN * 6, || async { ledger.ended() >= so_many }).await;
            let victim = workers.remove(0);
            kills.push((victim.number, Instant::now()));
            victim.end("-KILL");
            workers.push(start());
        }
        in_time("everything is done", RERUN_WITHIN * 6, || is_idle(&backend)).await;
        for worker in workers {
            assert!(worker.end("-TERM").success());
        }

        assert_eq!(ledger.lost(tasks), [0; 0]);
        let slowest =
            kills.iter().map(|&(victim, at)| ledger.recovery(victim, at).expect("all was run again")).max().unwrap();
        assert!(slowest < RERUN_WITHIN, "the slowest rerun began {slowest:?} after the kill");
        only_what_was_in_flight_was_repeated(&ledger, &kills);
        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.dead), (0, 0, 0));
        measurement.end(format!("`kill -9` of a worker, {rounds} rounds, 3 workers"), tasks, &ledger, Some(slowest));
    });
}

#[test]
fn a_worker_ended_by_sigterm_under_load_leaves_nothing_claimed_and_repeats_nothing() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 20_000;
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let first = Worker::start(&server, &ledger, Duration::from_millis(5), 32);
        eventually("the worker is busy", || async { ledger.ended() >= 1_000 }).await;
        assert!(first.end("-TERM").success(), "the process ends with success");

        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.ready), (0, 0, tasks - ledger.ended()));

        let second = Worker::start(&server, &ledger, Duration::from_millis(5), 32);
        eventually("the second worker has done the rest", || is_idle(&backend)).await;
        assert!(second.end("-TERM").success());
        assert_eq!((ledger.lost(tasks), ledger.duplicates()), (vec![], 0));
        measurement.end("SIGTERM of a worker under load", tasks, &ledger, None);
    });
}

#[test]
fn a_rolling_deploy_under_load_repeats_nothing() {
    let measurement = Measurement::begin();
    play(async move || {
        let (tasks, deploys) = (20_000, 6);
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let start = || Worker::start(&server, &ledger, Duration::from_millis(5), 32);
        let mut workers = vec![start(), start(), start()];
        for deploy in 1..=deploys {
            let so_many = tasks * deploy / (deploys + 1);
            in_time("the workers go on", RERUN_WITHIN * 3, || async { ledger.ended() >= so_many }).await;
            workers.push(start());
            assert!(workers.remove(0).end("-TERM").success());
        }
        in_time("everything is done", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        for worker in workers {
            assert!(worker.end("-TERM").success());
        }
        assert_eq!((ledger.lost(tasks), ledger.duplicates()), (vec![], 0));
        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.dead), (0, 0, 0));
        measurement.end(format!("a rolling deploy: SIGTERM {deploys} times, 3 workers"), tasks, &ledger, None);
    });
}

#[test]
fn a_second_sigterm_aborts_what_runs_and_gives_it_back() {
    play(async || {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = direct_to(&server);
        let mut blocked = || redis::cmd("INFO").arg("clients").query::<String>(&mut direct).unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, 2).await;
        let worker = Worker::start(&server, &ledger, Duration::from_secs(600), 4);
        // With handlers to spare, the worker waits for more tasks; when it stops waiting, it has heard the signal.
        in_time("two tasks run", RERUN_WITHIN, || async { backend.inspect(&Job::QUEUE).await.unwrap().claimed == 2 })
            .await;
        while blocked().contains("blocked_clients:0") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        worker.signal("-TERM");
        while !blocked().contains("blocked_clients:0") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(backend.inspect(&Job::QUEUE).await.unwrap().claimed, 2, "running tasks have their grace time");
        let again = Instant::now();
        assert!(worker.end("-TERM").success());
        // The grace time is 25 s, the tasks take ten minutes.
        assert!(again.elapsed() < RERUN_WITHIN, "{:?}", again.elapsed());
        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.ready, left.claimed, left.workers, ledger.ended()), (2, 0, 0, 0));
    });
}

#[test]
fn a_worker_that_froze_for_longer_than_its_lease_cannot_settle_and_goes_on_as_another() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 10_000;
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = direct_to(&server);
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let start = || Worker::start(&server, &ledger, Duration::from_millis(50), 16);
        let (frozen, other) = (start(), start());
        eventually("both are busy", || async {
            ledger.ended_by(frozen.number) >= 200 && ledger.ended_by(other.number) >= 200
        })
        .await;
        let leases = |direct: &mut redis::Connection| -> Vec<String> {
            redis::cmd("ZRANGE").arg("{jobs}:workers").arg(0).arg(-1).query(direct).unwrap()
        };
        let before = leases(&mut direct);
        assert_eq!(before.len(), 4, "two processes of two arbiters each");
        frozen.signal("-STOP");
        let stopped = Instant::now();
        while leases(&mut direct).len() > 2 {
            assert!(stopped.elapsed() < RERUN_WITHIN, "the frozen worker's tasks are still its own");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let recovery = stopped.elapsed();
        let done_before = ledger.ended_by(frozen.number);
        frozen.signal("-CONT");
        eventually("it goes on", || async { ledger.ended_by(frozen.number) >= done_before + 200 }).await;
        let after = leases(&mut direct);
        let new = after.iter().filter(|lease| !before.contains(lease)).count();
        assert_eq!((after.len(), new), (4, 2), "as two new incarnations");
        in_time("everything is done", RERUN_WITHIN * 6, || is_idle(&backend)).await;

        let number = frozen.number;
        for worker in [frozen, other] {
            assert!(worker.end("-TERM").success());
        }
        let errors: String = redis::cmd("INFO").arg("errorstats").query(&mut direct).unwrap();
        assert!(errors.contains("errorstat_LEASELOST:"), "its calls were refused: {errors}");
        assert_eq!(ledger.lost(tasks), [0; 0]);
        for runs in ledger.repeated() {
            // What the frozen worker was running, had done and not settled, or had claimed and begins when it thaws,
            // before it is told: that run counts for nothing, and the other may be its own, too, under its new lease.
            let by_the_frozen = runs.iter().any(|run| run.worker == number);
            assert!(runs.len() == 2 && by_the_frozen, "run again without need: {runs:?}");
        }
        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.dead, left.scheduled), (0, 0, 0, 0));
        measurement.end("SIGSTOP of a worker beyond its lease, SIGCONT", tasks, &ledger, Some(recovery));
    });
}

#[test]
fn a_server_that_stood_still_for_longer_than_a_lease_takes_no_task_from_the_living() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 5_000;
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let workers = [0, 1].map(|_| Worker::start(&server, &ledger, Duration::from_millis(20), 16));
        eventually("both are busy", || async { workers.iter().all(|worker| ledger.ended_by(worker.number) >= 200) })
            .await;
        server.signal("-STOP");
        tokio::time::sleep(LeaseOptions::DEFAULT_LEASE + Duration::from_secs(2)).await;
        let (done, thawed) = (ledger.ended(), Instant::now());
        server.signal("-CONT");
        in_time("the workers go on", RERUN_WITHIN, || async { ledger.ended() >= done + 512 }).await;
        let recovery = thawed.elapsed();
        in_time("everything is done", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        for worker in workers {
            assert!(worker.end("-TERM").success());
        }
        assert_eq!((ledger.lost(tasks), ledger.duplicates()), (vec![], 0));
        let fault = "SIGSTOP of redis-server beyond the leases, SIGCONT, 2 workers";
        measurement.end(fault, tasks, &ledger, Some(recovery));
    });
}

#[test]
fn workers_go_on_when_redis_was_killed_and_comes_back() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 10_000;
        let mut server = RedisServer::builder().durable().start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let start = || Worker::start(&server, &ledger, Duration::from_millis(20), 32);
        let workers = [start(), start()];
        let mut strikes = Vec::new();
        let mut slowest = Duration::ZERO;
        for busy in [1_000, 4_000, 7_000] {
            in_time("the workers go on", RERUN_WITHIN * 3, || async { ledger.ended() >= busy }).await;
            server.kill();
            let down = Instant::now();
            strikes.extend(workers.iter().map(|worker| (worker.number, down)));
            server.restart();
            // What was running ends while the server is down: only 64 handlers' worth can.
            let done = ledger.ended();
            let up = Instant::now();
            in_time("the workers have tasks again", RERUN_WITHIN * 3, || async { ledger.ended() >= done + 512 }).await;
            slowest = slowest.max(up.elapsed());
        }
        in_time("everything is done", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        for worker in workers {
            assert!(worker.end("-TERM").success());
        }
        assert_eq!(ledger.lost(tasks), [0; 0]);
        only_what_was_in_flight_was_repeated(&ledger, &strikes);
        let left = backend.inspect(&Job::QUEUE).await.unwrap();
        assert_eq!((left.claimed, left.workers, left.dead), (0, 0, 0));
        let fault = "`kill -9` and restart of redis-server, 3 times, AOF always, 2 workers";
        measurement.end(fault, tasks, &ledger, Some(slowest));
    });
}

#[test]
fn workers_go_on_while_scripts_are_forgotten_and_connections_are_cut() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 10_000;
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = direct_to(&server);
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let start = || Worker::start(&server, &ledger, Duration::from_millis(10), 32);
        let workers = [start(), start()];
        let (mut flushes, mut cuts) = (0, 0);
        while ledger.ended() < tasks * 9 / 10 {
            redis::cmd("SCRIPT").arg("FLUSH").query::<()>(&mut direct).unwrap();
            flushes += 1;
            if flushes % 10 == 0 {
                let kill = ["KILL", "TYPE", "normal", "SKIPME", "yes"];
                cuts += redis::cmd("CLIENT").arg(&kill).query::<usize>(&mut direct).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(cuts > 10, "{cuts} connections were cut");
        in_time("everything is done", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        for worker in workers {
            assert!(worker.end("-TERM").success());
        }
        assert_eq!(ledger.lost(tasks), [0; 0]);
        // Nobody lost a lease, and lost replies are no reason to run a task again.
        assert_eq!(ledger.duplicates(), 0);
        let fault = "`SCRIPT FLUSH` each 10 ms and `CLIENT KILL` of all each 100 ms, 2 workers";
        measurement.end(fault, tasks, &ledger, None);
    });
}

#[test]
fn a_server_out_of_memory_lets_the_queue_drain_and_takes_tasks_again_afterwards() {
    let measurement = Measurement::begin();
    play(async move || {
        let (before, after) = (8_000, 2_000);
        let server = RedisServer::builder().arg("maxmemory-policy", "noeviction").start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = direct_to(&server);
        let mut allow = |bytes: usize| {
            redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).query::<()>(&mut direct).unwrap();
        };
        let ledger = Ledger::default();
        enqueue(&backend, before).await;
        let worker = Worker::start(&server, &ledger, Duration::from_millis(5), 32);
        eventually("the worker is busy", || async { ledger.ended() >= 1_000 }).await;
        allow(1);
        let error = backend.enqueue(&Job::QUEUE, &[redis_ext::backend::NewTask::new("x")]).await.unwrap_err();
        assert_eq!((error.kind(), error.is_maybe_applied()), (redis_ext::BackendErrorKind::Overloaded, false));
        in_time("the queue drains all the same", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        assert_eq!(ledger.ended(), before);
        allow(0);
        Job::enqueue_many(&backend, (before..before + after).map(|number| Job { number })).await.unwrap();
        in_time("what came later is done too", RERUN_WITHIN * 3, || is_idle(&backend)).await;
        assert!(worker.end("-TERM").success());
        assert_eq!((ledger.lost(before + after), ledger.duplicates()), (vec![], 0));
        measurement.end("`maxmemory` reached under load and raised again", before + after, &ledger, None);
    });
}
