//! Schedulers whose server forgets, refuses or goes away.

use std::time::Duration;

use actix::Actor as _;
use redis_ext::{Debounce, Debouncer, Schedulers, prelude::*};
use redis_ext_tests::{RedisServer, eventually};

use crate::stage::{Job, Recipient, Seen};

const NEVER: Duration = Duration::from_secs(3600);

fn jobs(backend: &RedisBackend) -> Debouncer<Job> {
    Debouncer::new(backend.clone(), "jobs", Debounce::after(NEVER)).unwrap()
}

/// A scheduler that looks by itself only every so often.
fn scheduler(jobs: &Debouncer<Job>, backend: &RedisBackend, seen: &Seen, repoll: Duration) -> Schedulers {
    DebounceScheduler::builder(backend.clone())
        .to_recipient(jobs, Recipient::noting(seen).start().recipient())
        .repoll(repoll)
        .start()
        .unwrap()
}

async fn comes(seen: &Seen, count: usize) {
    eventually("what was triggered fires", || async { seen.lock().unwrap().len() == count }).await;
}

#[test]
fn a_scheduler_whose_subscription_is_cut_is_woken_again() {
    actix::System::new().block_on(async {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let mut direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let (seen, jobs) = (Seen::default(), jobs(&backend));
        let scheduler = scheduler(&jobs, &backend, &seen, NEVER);
        jobs.schedule_in(&Job { number: 1 }, Duration::ZERO).await.unwrap();
        comes(&seen, 1).await;
        for number in 2..=4 {
            // There is always one again, sooner or later.
            let mut kill =
                || redis::cmd("CLIENT").arg(&["KILL", "TYPE", "pubsub"]).query::<usize>(&mut direct).unwrap();
            while kill() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Whether it comes before the new subscription or after it, nobody looks but for a wake-up.
            jobs.schedule_in(&Job { number }, Duration::ZERO).await.unwrap();
            comes(&seen, number as usize).await;
        }
        scheduler.shutdown().await;
    });
}

#[test]
fn a_user_without_the_right_to_publish_triggers_all_the_same() {
    actix::System::new().block_on(async {
        let server = RedisServer::start();
        let mut direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let rights = ["SETUSER", "limited", "on", ">secret", "~*", "+@all", "-publish", "-subscribe", "resetchannels"];
        redis::cmd("ACL").arg(&rights).exec(&mut direct).unwrap();
        let url = server.url().replace("redis://", "redis://limited:secret@");
        let backend = RedisBackend::connect(&url).await.unwrap();
        let (seen, jobs) = (Seen::default(), jobs(&backend));
        let scheduler = scheduler(&jobs, &backend, &seen, Duration::from_millis(50));
        for number in 1..=3 {
            jobs.schedule_in(&Job { number }, Duration::ZERO).await.unwrap();
            comes(&seen, number as usize).await;
        }
        scheduler.shutdown().await;
    });
}

#[test]
fn firings_survive_a_restart_of_a_durable_server() {
    actix::System::new().block_on(async {
        const COUNT: u32 = 200;
        let mut server = RedisServer::builder().durable().start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let (seen, jobs) = (Seen::default(), jobs(&backend));
        let scheduler = scheduler(&jobs, &backend, &seen, Duration::from_millis(50));
        for number in 0..COUNT {
            jobs.schedule_in(&Job { number }, Duration::from_millis(u64::from(number) * 5)).await.unwrap();
        }
        eventually("some have fired", || async { seen.lock().unwrap().len() > 20 }).await;
        tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .map(|server| async move {
            scheduler.run_until_idle().await.unwrap();
            drop(server);
        })
        .unwrap()
        .await;
        let mut numbers = seen.lock().unwrap().clone();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
    });
}
