//! 100,000 entries, some of them of every bad sort: each is handled or dead-lettered exactly as stated.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use redis_ext::{
    RedisTask as _,
    backend::{Backend, DeadLetter, DeathReason, MAX_BATCH, Page, TaskBackend as _},
    prelude::*,
};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::{Job, Kind, RedisServer, undecodable};

/// How often each job was begun.
type Ledger = Arc<[AtomicU32]>;

struct Clerk(Ledger);

impl Actor for Clerk {
    type Context = Context<Self>;
}

impl Handler<Task<Job>> for Clerk {
    type Result = ResponseFuture<Result<(), TaskError>>;

    fn handle(&mut self, job: Task<Job>, _: &mut Context<Self>) -> Self::Result {
        self.0[job.number].fetch_add(1, Relaxed);
        // A panic here would kill the actor; within the future it fails the message alone. Both are tried.
        assert!(job.kind() != Kind::Panics || job.attempt() != 2, "the second attempt panics in the handler");
        Box::pin(async move {
            match job.kind() {
                Kind::Succeeds => Ok(()),
                Kind::Fails => Err(TaskError::new(format!("job {} fails", job.number))),
                Kind::Panics => panic!("job {} panics", job.number),
            }
        })
    }
}

async fn all_dead(backend: &dyn Backend) -> Vec<DeadLetter> {
    let mut letters = Vec::new();
    loop {
        let page = Page::default().offset(letters.len()).limit(MAX_BATCH);
        let found = backend.dead_letters(&Job::QUEUE, page).await.unwrap().letters;
        if found.is_empty() {
            return letters;
        }
        letters.extend(found);
    }
}

/// Runs workers on two threads until `producer` and they are done, then audits.
async fn work_off(backend: Arc<dyn Backend>, producer: impl Future<Output = ()>) {
    std::panic::set_hook(Box::new(|_| ())); // 600 expected panics would bury the test's own messages
    let ledger: Ledger = (0..Job::COUNT).map(|_| AtomicU32::new(0)).collect();
    let factory_ledger = Arc::clone(&ledger);
    let workers = WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Job, _>(Concurrency::new(64), move || Clerk(Arc::clone(&factory_ledger)))
        .arbiters(2)
        .start()
        .unwrap();
    producer.await;
    workers.run_until_idle().await.unwrap();
    let _ = std::panic::take_hook();

    for (number, runs) in ledger.iter().enumerate() {
        let expected = if (Job { number }).kind() == Kind::Succeeds { 1 } else { 3 };
        assert_eq!(runs.load(Relaxed), expected, "runs of job {number}");
    }

    let stats = backend.inspect(&Job::QUEUE).await.unwrap();
    assert_eq!((stats.ready, stats.claimed, stats.scheduled, stats.workers), (0, 0, 0, 0));

    let letters = all_dead(&*backend).await;
    let mut by_reason = BTreeMap::new();
    for letter in &letters {
        *by_reason.entry(format!("{:?}", letter.reason)).or_insert(0) += 1;
    }
    let expected = [("AttemptsExhausted", 2 * Job::FAULTY), ("Envelope", 50), ("Undecodable", 150)];
    assert_eq!(by_reason, expected.map(|(reason, count)| (reason.to_owned(), count)).into());

    let kept: BTreeSet<_> = letters
        .iter()
        .filter(|letter| letter.reason != DeathReason::AttemptsExhausted)
        .map(|letter| letter.entry.clone())
        .collect();
    assert_eq!(kept, (0..Job::UNDECODABLE).map(undecodable).collect(), "the original bytes are kept");
}

#[test]
fn a_second_process_pushes_them_to_redis() {
    let server = RedisServer::start();
    actix::System::new().block_on(async {
        let backend = Arc::new(RedisBackend::connect(&server.url()).await.unwrap());
        let mut producer = Command::new(env!("CARGO_BIN_EXE_producer")).arg(server.url()).spawn().unwrap();
        let pushed = async {
            let status = tokio::task::spawn_blocking(move || producer.wait()).await.unwrap().unwrap();
            assert!(status.success(), "{status}");
        };
        work_off(backend, pushed).await;
    });
}

#[test]
fn the_same_in_memory() {
    actix::System::new().block_on(async {
        let backend = MemoryBackend::new();
        let pushed = async { Job::push_all(&backend).await.unwrap() };
        work_off(Arc::new(backend.clone()), pushed).await;
    });
}
