//! Scheduler processes that share a key, and die.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use redis_ext::{
    Debounce, Debouncer, RedisBackend,
    backend::{DebounceBackend as _, Due, MAX_BATCH, PayloadRule, Repeat, TaskBackend as _, Trigger, TriggerRules},
    prelude::*,
};
use redis_ext_tests::{Job, RedisServer, eventually};

/// These tests keep both cores busy: one at a time.
static TURN: Mutex<()> = Mutex::new(());

const KEY: &str = "debounced-jobs";
/// How long the jobs' due times are spread over.
const SPREAD: Duration = Duration::from_secs(2);
/// After this long nothing more comes: an expired lease is found out within a second or so.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many jobs: a few in CI, and 100,000 with `REDIS_EXT_ROUNDS=20`.
fn job_count() -> usize {
    let rounds = std::env::var("REDIS_EXT_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    if rounds < 20 { 5_000 } else { 100_000 }
}

/// How often each job came.
type Counts = Arc<Mutex<HashMap<usize, usize>>>;

struct Scheduler {
    process: Child,
    reader: Option<JoinHandle<()>>,
}

impl Scheduler {
    fn start(server: &RedisServer, target: &str, counts: &Counts) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_debounce_scheduler"))
            .args([&server.url(), KEY, target])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let counts = Arc::clone(counts);
        let reader = std::thread::spawn(move || {
            for line in output.lines() {
                // A process that is killed may leave half a line: then the job was not handled.
                if let Ok(number) = line.unwrap().parse() {
                    *counts.lock().unwrap().entry(number).or_default() += 1;
                }
            }
        });
        Self { process, reader: Some(reader) }
    }

    fn end(mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
    }
}

/// A scheduler that nobody ended, as its test failed, must not outlive it.
impl Drop for Scheduler {
    fn drop(&mut self) {
        if self.reader.is_some() {
            let _already_gone = self.process.kill();
            let _already_gone = self.process.wait();
        }
    }
}

async fn schedule(backend: &RedisBackend, jobs: &Debouncer<Job>, count: usize) {
    let rules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
    let triggers: Vec<_> = (0..count)
        .map(|number| {
            let share = f64::from(u32::try_from(number).unwrap()) / f64::from(u32::try_from(count).unwrap());
            Trigger::new(format!("{{\"number\": {number}}}"), Due::In(SPREAD.mul_f64(share)))
        })
        .collect();
    for slice in triggers.chunks(MAX_BATCH) {
        let answers = backend.trigger(jobs.key(), slice, &rules).await.unwrap();
        assert!(answers.iter().all(|answer| answer.is_new()));
    }
}

async fn scene(target: &str, kills: usize) -> (Counts, RedisServer, RedisBackend, usize) {
    let count = job_count();
    let server = RedisServer::start();
    let backend = RedisBackend::connect(&server.url()).await.unwrap();
    let jobs = Debouncer::<Job>::new(backend.clone(), KEY, Debounce::after(Duration::ZERO)).unwrap();
    let counts = Counts::default();
    let mut schedulers: Vec<_> = (0..4).map(|_| Scheduler::start(&server, target, &counts)).collect();
    schedule(&backend, &jobs, count).await;
    for kill in 1..=kills {
        let left = count - count * kill / (kills + 1);
        eventually("firings leave", || async { jobs.pending_count().await.unwrap() < left }).await;
        schedulers.remove(0).end("-KILL");
        schedulers.push(Scheduler::start(&server, target, &counts));
    }
    let begun = Instant::now();
    loop {
        let stats = jobs.stats().await.unwrap();
        if stats.pending + stats.active == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "left: {stats:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for scheduler in schedulers {
        scheduler.end("-TERM");
    }
    assert_eq!(jobs.stats().await.unwrap().quarantined, 0);
    (counts, server, backend, count)
}

fn play<F: Future<Output = ()>>(scene: impl FnOnce() -> F) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    actix::System::new().block_on(scene());
}

#[test]
fn four_schedulers_give_each_firing_to_a_recipient_once_while_none_dies() {
    play(|| async {
        let (counts, _server, _, count) = scene("recipient", 0).await;
        let counts = counts.lock().unwrap();
        let twice = counts.values().filter(|times| **times > 1).count();
        assert_eq!((counts.len(), twice), (count, 0));
        println!("recipient, no kill: {count} firings, 0 lost, 0 twice");
    });
}

#[test]
fn killed_schedulers_lose_no_firing_on_its_way_to_a_recipient() {
    play(|| async {
        let (counts, _server, _, count) = scene("recipient", 5).await;
        let counts = counts.lock().unwrap();
        let lost = (0..count).filter(|number| !counts.contains_key(number)).count();
        let twice = counts.values().filter(|times| **times > 1).count();
        assert_eq!(lost, 0);
        // What a victim had claimed, and no more.
        assert!(twice <= 5 * MAX_BATCH, "{twice} came twice");
        println!("recipient, 5 kills: {count} firings, {lost} lost, {twice} twice");
    });
}

#[test]
fn killed_schedulers_put_each_firing_into_the_queue_exactly_once() {
    play(|| async {
        let (_, _server, backend, count) = scene("queue", 5).await;
        let ready = backend.inspect(&Job::QUEUE).await.unwrap().ready;
        assert_eq!(ready, count);
        let seen = Arc::new(Mutex::new(vec![false; count]));
        let noted = Arc::clone(&seen);
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(64), move |job: Task<Job>| {
                let before = std::mem::replace(&mut noted.lock().unwrap()[job.number], true);
                assert!(!before, "the queue held {} twice", job.number);
                async { Ok(()) }
            })
            .start()
            .unwrap()
            .run_until_idle()
            .await
            .unwrap();
        assert!(seen.lock().unwrap().iter().all(|seen| *seen));
        println!("queue, 5 kills: {count} firings, 0 lost, 0 twice");
    });
}
