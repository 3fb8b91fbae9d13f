//! How a lane takes a backend that fails, loses replies, or takes its lease away.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::Number;
use crate::{
    BackendError, BackendErrorKind, RedisTask as _, Task, TaskError, TaskId, Timestamp,
    backend::{BatchId, Claim, Claimed, ClaimedBatch, Disposition, MockTaskBackend, Operation, WorkerId},
    task::Envelope,
    worker::{
        ErrorPolicy, HandlerOptions, RestartBudget, WorkerOptions, lane::Lane, runner::RunnerFactory,
        shutdown::Shutdown, suspicion::Court,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

fn failure(kind: BackendErrorKind, operation: Operation) -> BackendError {
    BackendError::new(kind, operation).maybe_applied()
}

fn batch(claim: Claim, tasks: usize) -> ClaimedBatch {
    let tasks = (0..tasks.min(claim.max.get())).map(|index| Claimed::new(b"7".to_vec(), claim.batch, index));
    ClaimedBatch { tasks: tasks.collect(), ..ClaimedBatch::default() }
}

/// A backend on which all is well as far as leases go.
fn backend() -> MockTaskBackend {
    let mut backend = MockTaskBackend::new();
    backend.expect_join().returning(|_, _| Ok(()));
    backend.expect_renew().returning(|_, _| Ok(()));
    backend.expect_leave().returning(|_| Ok(0));
    backend
}

/// Runs a lane of four handlers for `time`, then shuts it down and waits for its end.
async fn run_lane<R>(
    backend: MockTaskBackend,
    time: Duration,
    handler: impl Fn(Task<Number>) -> R + Send + Sync + 'static,
) where
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    let shutdown = Shutdown::default();
    let lane = Lane {
        backend: Arc::new(backend),
        queue: Number::QUEUE,
        concurrency: 4,
        prefetch: HandlerOptions::DEFAULT_PREFETCH,
        error_policy: ErrorPolicy::Retry,
        restart_budget: RestartBudget { restarts: 20, window: Duration::from_secs(10) },
        quota: None,
        court: Court::new(),
        task_options: Number::OPTIONS,
        options: WorkerOptions::default(),
        shutdown: shutdown.clone(),
        spawn: Arc::new(|beside| drop(tokio::spawn(beside))),
        retry_scheduled: Arc::new(Notify::new()),
    };
    let runner = RunnerFactory::closure(handler).make();
    let end = async {
        sleep(time).await;
        shutdown.drain();
        sleep(MINUTE).await;
        shutdown.abort();
    };
    tokio::join!(lane.run(runner), end);
}

async fn done(_: Task<Number>) -> Result<(), TaskError> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_fails_every_claim_is_not_stormed() {
    let claims = Arc::new(AtomicUsize::new(0));
    let mut backend = backend();
    let counted = Arc::clone(&claims);
    backend.expect_claim().returning(move |_, _| {
        counted.fetch_add(1, Relaxed);
        Err(failure(BackendErrorKind::WrongType, Operation::Claim))
    });
    run_lane(backend, MINUTE, done).await;
    let claims = claims.load(Relaxed);
    assert!((10..=50).contains(&claims), "{claims} claims in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_reply_was_lost_is_repeated_under_its_id() {
    let claims = Arc::new(Mutex::new(Vec::new()));
    let mut backend = backend();
    let noted = Arc::clone(&claims);
    backend.expect_claim().returning(move |_, claim| {
        let mut noted = noted.lock().unwrap();
        noted.push(claim);
        if noted.len() < 4 { Err(failure(BackendErrorKind::Timeout, Operation::Claim)) } else { Ok(batch(claim, 4)) }
    });
    backend.expect_settle().returning(|_, _, _| Ok(ClaimedBatch::default()));
    run_lane(backend, MINUTE, |_| std::future::pending()).await;
    let claims = claims.lock().unwrap();
    assert_eq!(claims.len(), 4);
    assert!(claims.iter().all(|claim| *claim == claims[0]), "{claims:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_until_it_is_known_whether_it_was_cancelled() {
    let id = TaskId::random();
    let entry = Envelope::new(id, Timestamp::default(), b"7").to_entry();
    let (asked, settled) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut backend = backend();
    // The first batch has a task, as often as it is claimed; no other has.
    backend.expect_claim().returning(move |_, claim| {
        let task = (claim.batch == BatchId(1)).then(|| Claimed::new(entry.clone(), claim.batch, 0));
        Ok(ClaimedBatch { tasks: task.into_iter().collect(), any_cancelled: true, ..ClaimedBatch::default() })
    });
    backend
        .expect_claim_waiting()
        .returning(|_, _, _, _| Err(failure(BackendErrorKind::Unavailable, Operation::Claim)));
    let counted = Arc::clone(&asked);
    backend.expect_cancelled().returning(move |_, ids| match counted.fetch_add(1, Relaxed) {
        0..3 => Err(failure(BackendErrorKind::Timeout, Operation::Cancelled)),
        _ => Ok(ids.to_vec()),
    });
    let noted = Arc::clone(&settled);
    backend.expect_settle().returning(move |_, settlements, _| {
        noted.lock().unwrap().extend(settlements.iter().map(|settled| format!("{:?}", settled.disposition)));
        Ok(ClaimedBatch::default())
    });
    run_lane(backend, MINUTE, |_| async { panic!("it was cancelled") }).await;
    assert_eq!(*settled.lock().unwrap(), [format!("{:?}", Disposition::Cancelled { id })]);
    assert_eq!(asked.load(Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn outcomes_whose_settling_failed_are_kept_and_settled_later() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut backend = backend();
    backend.expect_claim().times(1).returning(|_, claim| Ok(batch(claim, 4)));
    backend.expect_claim().returning(|_, _| Err(failure(BackendErrorKind::Unavailable, Operation::Claim)));
    let noted = Arc::clone(&calls);
    backend.expect_settle().returning(move |_, settlements, claim| {
        let indexes: BTreeSet<_> = settlements.iter().map(|settled| settled.receipt.index).collect();
        let mut noted = noted.lock().unwrap();
        noted.push((indexes, claim));
        if noted.len() < 5 {
            Err(failure(BackendErrorKind::Timeout, Operation::Settle))
        } else {
            Ok(ClaimedBatch::default())
        }
    });
    run_lane(backend, MINUTE, done).await;
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls.iter().all(|(indexes, _)| *indexes == BTreeSet::from([0, 1, 2, 3])), "{calls:?}");
    assert!(
        calls[1..].iter().all(|(_, claim)| claim.is_none()),
        "a failing settle is not held up by a claim: {calls:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_cannot_be_settled_hold_claims_back() {
    let claimed = Arc::new(AtomicUsize::new(0));
    let mut backend = backend();
    let counted = Arc::clone(&claimed);
    backend.expect_claim().returning(move |_, claim| {
        counted.fetch_add(claim.max.get(), Relaxed);
        Ok(batch(claim, claim.max.get()))
    });
    backend.expect_settle().returning(|_, _, _| Err(failure(BackendErrorKind::Overloaded, Operation::Settle)));
    run_lane(backend, 10 * MINUTE, done).await;
    let claimed = claimed.load(Relaxed);
    assert!(claimed <= 4 + HandlerOptions::DEFAULT_PREFETCH, "{claimed} tasks were claimed");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_fails_every_call_of_a_busy_worker_is_not_stormed() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = || {
        let calls = Arc::clone(&calls);
        move |operation| {
            calls.fetch_add(1, Relaxed);
            failure(BackendErrorKind::Unavailable, operation)
        }
    };
    let mut backend = MockTaskBackend::new();
    backend.expect_join().returning(|_, _| Ok(()));
    backend.expect_claim().times(1).returning(|_, claim| Ok(batch(claim, 3)));
    let (renew, claim, wait, settle, leave) = (count(), count(), count(), count(), count());
    backend.expect_renew().returning(move |_, _| Err(renew(Operation::Renew)));
    backend.expect_claim().returning(move |_, _| Err(claim(Operation::Claim)));
    backend.expect_claim_waiting().returning(move |_, _, _, _| Err(wait(Operation::Claim)));
    backend.expect_settle().returning(move |_, _, _| Err(settle(Operation::Settle)));
    backend.expect_leave().returning(move |_| Err(leave(Operation::Leave)));
    run_lane(backend, 10 * MINUTE, done).await;
    // A renewal each second, and the others each five seconds at the most.
    let calls = calls.load(Relaxed);
    assert!((600..=1200).contains(&calls), "{calls} calls in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_tells_its_handlers_and_begins_anew() {
    let workers = Arc::new(Mutex::new(Vec::<WorkerId>::new()));
    let mut backend = MockTaskBackend::new();
    let noted = Arc::clone(&workers);
    backend.expect_join().returning(move |lease, _| {
        noted.lock().unwrap().push(lease.worker);
        Ok(())
    });
    backend.expect_leave().returning(|_| Ok(0));
    backend.expect_renew().times(1).returning(|_, _| Err(failure(BackendErrorKind::LeaseLost, Operation::Renew)));
    backend.expect_renew().returning(|_, _| Ok(()));
    backend.expect_claim().returning(|_, claim| Ok(batch(claim, 4)));
    backend.expect_settle().returning(|_, _, _| Ok(ClaimedBatch::default()));

    let cancelled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cancelled);
    run_lane(backend, MINUTE, move |task| {
        let (token, counted) = (task.cancellation().clone(), Arc::clone(&counted));
        tokio::spawn(async move {
            token.cancelled().await;
            counted.fetch_add(1, Relaxed);
        });
        std::future::pending()
    })
    .await;

    let workers = workers.lock().unwrap();
    assert_eq!(workers.len(), 2, "{workers:?}");
    assert_ne!(workers[0], workers[1]);
    assert_eq!(cancelled.load(Relaxed), 8, "four by the loss, four by the end");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_lost_leases_is_not_answered_by_a_storm_of_incarnations() {
    let joins = Arc::new(AtomicUsize::new(0));
    let mut backend = MockTaskBackend::new();
    let counted = Arc::clone(&joins);
    backend.expect_join().returning(move |_, _| {
        assert!(counted.fetch_add(1, Relaxed) < 1_000, "a lane that never rests");
        Ok(())
    });
    backend.expect_renew().returning(|_, _| Ok(()));
    backend.expect_leave().returning(|_| Ok(0));
    backend.expect_claim().returning(|_, _| Err(failure(BackendErrorKind::LeaseLost, Operation::Claim)));
    run_lane(backend, MINUTE, done).await;
    let joins = joins.load(Relaxed);
    assert!((10..=50).contains(&joins), "{joins} incarnations in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_task_one_crash_short_of_poison_is_run_with_nothing_beside_it() {
    let suspect = Envelope::new(TaskId::random(), Timestamp::from_millis(1), b"99").after_crash().after_crash();
    // What is in the queue: a suspect among others, which goes back to the head when it is released.
    let queue: VecDeque<_> = [b"1".to_vec(), suspect.to_entry(), b"2".to_vec(), b"3".to_vec()].into();
    let queue = Arc::new(Mutex::new(queue));
    let claim_from = |queue: &Mutex<VecDeque<Vec<u8>>>, claim: Claim| {
        let mut queue = queue.lock().unwrap();
        let count = claim.max.get().min(queue.len());
        let tasks = queue.drain(..count).enumerate().map(|(index, entry)| Claimed::new(entry, claim.batch, index));
        ClaimedBatch { tasks: tasks.collect(), ..ClaimedBatch::default() }
    };
    // Where there is nothing, the calls fail: on an empty answer the lane would wait, and a mock answers at once.
    let unavailable = |operation| Err(failure(BackendErrorKind::Unavailable, operation));
    let mut backend = backend();
    let claiming = Arc::clone(&queue);
    backend.expect_claim().returning(move |_, claim| {
        let batch = claim_from(&claiming, claim);
        if batch.tasks.is_empty() { unavailable(Operation::Claim) } else { Ok(batch) }
    });
    let settling = Arc::clone(&queue);
    backend.expect_settle().returning(move |_, settlements, claim| {
        for settled in settlements {
            if let Disposition::Release { entry } = &settled.disposition {
                settling.lock().unwrap().push_front(entry.clone());
            }
        }
        Ok(claim.map_or_else(ClaimedBatch::default, |claim| claim_from(&settling, claim)))
    });
    backend.expect_claim_waiting().returning(move |_, _, _, _| unavailable(Operation::Claim));

    let (running, beside) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counting, noting) = (Arc::clone(&running), Arc::clone(&beside));
    run_lane(backend, MINUTE, move |number| {
        let (running, beside) = (Arc::clone(&counting), Arc::clone(&noting));
        async move {
            let before = running.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(30)).await;
            let after = running.fetch_sub(1, Relaxed) - 1;
            if number.0 == 99 {
                beside.lock().unwrap().extend([before, after]);
            }
            Ok(())
        }
    })
    .await;
    assert_eq!(*beside.lock().unwrap(), [0, 0], "it was run once, and alone");
    assert!(queue.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_always_crashes_is_fed_less_and_less() {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut backend = backend();
    backend.expect_claim().returning(|_, claim| Ok(batch(claim, 4)));
    backend
        .expect_settle()
        .returning(|_, _, claim| Ok(claim.map_or_else(ClaimedBatch::default, |claim| batch(claim, 4))));
    let counted = Arc::clone(&runs);
    run_lane(backend, MINUTE, move |_| {
        counted.fetch_add(1, Relaxed);
        async { panic!("no handler of use") }
    })
    .await;
    // Pauses of up to 1, 2, 4, 8, 16 and 30 seconds, and before each some 20 crashes and what was prefetched by then.
    let runs = runs.load(Relaxed);
    assert!((40..=400).contains(&runs), "{runs} runs in a minute");
}
