//! Sizes, clocks and moments beyond the ordinary.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use redis_ext::{
    TaskId,
    backend::{DeathReason, Lease, NewTask, Page, Selection, TaskBackend as _, WorkerId},
    prelude::*,
    task::{Envelope, Timestamp},
};
use redis_ext_tests::{Job, Ledger, RedisServer, eventually};

use crate::{
    crew::{Worker, enqueue, in_time, is_idle},
    kills::play,
    table::Measurement,
};

#[test]
fn a_backlog_of_two_hundred_thousand_is_worked_off() {
    let measurement = Measurement::begin();
    play(async move || {
        let tasks = 200_000;
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        enqueue(&backend, tasks).await;
        let worker = Worker::start(&server, &ledger, Duration::ZERO, 256);
        in_time("everything is done", Duration::from_secs(60), || is_idle(&backend)).await;
        assert!(worker.end("-TERM").success());
        assert_eq!((ledger.lost(tasks), ledger.duplicates()), (vec![], 0));
        measurement.end("none: a backlog of 200,000, 1 worker", tasks, &ledger, None);
    });
}

/// Ten million bytes of text.
#[derive(RedisTask)]
#[redis_task(queue = "blobs", max_attempts = 2, backoff = "fixed(10ms)")]
struct Blob(String);

#[test]
fn a_payload_of_ten_megabytes_is_retried_buried_replayed_and_done() {
    play(async || {
        let server = RedisServer::start();
        let connect = RedisBackend::builder(&server.url()).max_entry_bytes(16 * 1024 * 1024).connect();
        let backend = connect.await.unwrap();
        let text: String = ('a'..='z').cycle().take(10_000_000).collect();
        let _id = Blob(text.clone()).enqueue(&backend).await.unwrap();
        let run = async |fails: bool| {
            let expected = text.clone();
            WorkerSupervisor::builder(backend.clone())
                .handler_fn(Concurrency::new(1), move |blob: Task<Blob>| {
                    assert!(blob.0 == expected, "the payload has changed");
                    async move { if fails { Err(TaskError::new("not yet")) } else { Ok(()) } }
                })
                .start()
                .unwrap()
                .run_until_idle()
                .await
                .unwrap();
        };
        run(true).await;
        let dead = backend.dead_letters(&Blob::QUEUE, Page::default()).await.unwrap();
        assert_eq!(
            (dead.total, dead.letters[0].attempts, dead.letters[0].reason),
            (1, 2, DeathReason::AttemptsExhausted)
        );
        assert_eq!(dead.letters[0].errors, ["not yet"], "it was not the payload that failed");
        assert_eq!(backend.replay(&Blob::QUEUE, &Selection::All).await.unwrap(), 1);
        run(false).await;
        let left = backend.inspect(&Blob::QUEUE).await.unwrap();
        assert_eq!((left.ready, left.scheduled, left.claimed, left.dead), (0, 0, 0, 0));

        let strict = RedisBackend::connect(&server.url()).await.unwrap();
        let error = Blob(text).enqueue(&strict).await.unwrap_err();
        assert!(
            matches!(error, redis_ext::Error::Backend(error) if error.kind() == redis_ext::BackendErrorKind::TooLarge)
        );
    });
}

#[test]
fn an_incarnation_that_cannot_be_recovered_keeps_no_other_from_it() {
    play(async || {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let join = async || {
            let lease = Lease { queue: Job::QUEUE, worker: WorkerId::random() };
            backend.join(&lease, Duration::from_millis(1)).await.unwrap();
            lease
        };
        let broken = join().await;
        let key = format!("{{{}}}:landing:{}", Job::QUEUE, broken.worker);
        redis::cmd("SET").arg(key).arg("no list").exec(&mut direct).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&runs);
        let workers = WorkerSupervisor::builder(backend.clone())
            .lease(Duration::from_secs(1))
            .heartbeat(Duration::from_millis(200))
            .handler_fn(Concurrency::new(4), move |_: Task<Job>| {
                counting.fetch_add(1, Relaxed);
                async { Ok(()) }
            })
            .start()
            .unwrap();
        // Long enough for any backoff to have grown beyond the patience of half a second. Then another one dies.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let claimed = format!("{{{}}}:claimed:{}", Job::QUEUE, join().await.worker);
        redis::cmd("RPUSH").arg(format!("{claimed}:1")).arg(r#"{"number":7}"#).exec(&mut direct).unwrap();
        redis::cmd("HSET").arg(claimed).arg(1).arg(1).exec(&mut direct).unwrap();
        in_time("the task is run", Duration::from_secs(10), || async { runs.load(Relaxed) == 1 }).await;
        workers.shutdown().await.unwrap();
    });
}

/// What a producer whose clock is years off writes into an envelope changes nothing: leases, retries and schedules
/// go by the server's clock, and so does a deadline, which is compared with it.
#[test]
fn the_wrong_clock_of_a_producer_decides_nothing_but_its_own_deadline() {
    play(async || {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let ledger = Ledger::default();
        let year = Duration::from_secs(365 * 24 * 3600);
        let now = Timestamp::from(SystemTime::now());
        let (past, future) = (Timestamp::from_millis(0), now.saturating_add(10 * year));
        let enqueue = async |number: usize, enqueued_at: Timestamp, deadline: Option<Timestamp>| {
            let (id, payload) = (TaskId::random(), format!(r#"{{"number":{number}}}"#));
            let mut envelope = Envelope::new(id, enqueued_at, payload.as_bytes());
            envelope.deadline = deadline;
            let _id = backend.enqueue(&Job::QUEUE, &[NewTask::new(envelope.to_entry()).with_id(id)]).await.unwrap();
        };
        enqueue(0, past, None).await;
        enqueue(1, future, None).await;
        enqueue(2, future, Some(future)).await;
        enqueue(3, past, Some(past)).await;
        let worker = Worker::start(&server, &ledger, Duration::from_millis(1), 4);
        eventually("all are dealt with", || is_idle(&backend)).await;
        assert!(worker.end("-TERM").success());
        assert_eq!(ledger.lost(4), [3], "three are run at once");
        let dead = backend.dead_letters(&Job::QUEUE, Page::default()).await.unwrap().letters;
        assert_eq!(dead.iter().map(|letter| letter.reason).collect::<Vec<_>>(), [DeathReason::DeadlinePassed]);
    });
}
