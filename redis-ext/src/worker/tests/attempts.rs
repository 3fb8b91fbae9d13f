//! How a single attempt ends, whatever its handler does.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Number, claimed};
use crate::{
    Backoff, RedisTask as _, Task, TaskError, TaskId, Timestamp,
    backend::{Claimed, DeadLetter, DeathReason, Disposition, Settlement},
    task::Envelope,
    worker::{
        attempt::{Attempts, ClaimedAt},
        runner::RunnerFactory,
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

async fn attempt<R>(task: Claimed, handler: impl Fn(Task<Number>) -> R + Send + Sync + 'static) -> Settlement
where
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    attempt_until(&CancellationToken::new(), task, handler).await
}

async fn attempt_until<R>(
    abort: &CancellationToken,
    task: Claimed,
    handler: impl Fn(Task<Number>) -> R + Send + Sync + 'static,
) -> Settlement
where
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    let runner = RunnerFactory::closure(handler).make();
    let attempts = Attempts { queue: &Number::QUEUE, options: &Number::OPTIONS, runner: &*runner, abort };
    attempts.run(task, ClaimedAt { backend: NOW, local: Instant::now() }).await.settlement
}

fn envelope(change: impl Fn(&mut Envelope<'_>)) -> Vec<u8> {
    let mut envelope = Envelope::new(TaskId::random(), NOW, b"7");
    change(&mut envelope);
    envelope.to_entry()
}

fn retry_of(settlement: Settlement) -> (Vec<u8>, Duration) {
    match settlement.disposition {
        Disposition::Retry { entry, delay, .. } => (entry, delay),
        other => panic!("a retry was expected, not {other:?}"),
    }
}

fn letter_of(settlement: Settlement) -> DeadLetter {
    match settlement.disposition {
        Disposition::Dead(letter) => letter,
        other => panic!("a dead letter was expected, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_its_task() {
    let entry = envelope(|envelope| {
        envelope.attempt = 1;
        envelope.deadline = Some(Timestamp::from_millis(2_000_000));
    });
    let settlement = attempt(claimed(entry), |task| async move {
        assert_eq!((task.0, task.attempt(), task.max_attempts()), (7, 2, 3));
        assert_eq!((task.queue(), task.is_last_attempt()), (&Number::QUEUE, false));
        assert_eq!(task.enqueued_at().map(Timestamp::from), Some(NOW));
        assert_eq!(task.deadline().map(Timestamp::from), Some(Timestamp::from_millis(2_000_000)));
        Ok(())
    });
    assert_eq!(settlement.await.disposition, Disposition::Done);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_retried_after_its_backoff_with_its_history() {
    let failing = |_: Task<Number>| async { Err(TaskError::new("no")) };
    let (entry, delay) = retry_of(attempt(claimed("7"), failing).await);
    let retried = Envelope::parse(&entry).unwrap();
    assert_eq!((retried.attempt, retried.crashes, retried.payload()), (1, 0, &b"7"[..]));
    assert!(delay >= Duration::from_millis(500) && delay <= Duration::from_secs(1), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_failed_attempt_ends_in_a_dead_letter_with_the_chain_of_errors() {
    let entry = envelope(|envelope| envelope.attempt = 2);
    let failing = |_: Task<Number>| async {
        let behind = "x".parse::<u8>().unwrap_err();
        Err(TaskError::new(Outer(behind)))
    };
    let letter = letter_of(attempt(claimed(entry), failing).await);
    assert_eq!((letter.reason, letter.attempts), (DeathReason::AttemptsExhausted, 3));
    assert_eq!(letter.errors, ["the outer error", "invalid digit found in string"]);
    assert_eq!(Envelope::parse(&letter.entry).unwrap().attempt, 0);
}

#[derive(Debug, thiserror::Error)]
#[error("the outer error")]
struct Outer(#[source] std::num::ParseIntError);

#[tokio::test(start_paused = true)]
async fn a_fatal_error_is_never_retried() {
    let letter = letter_of(attempt(claimed("7"), |_| async { Err(TaskError::fatal("gone")) }).await);
    assert_eq!((letter.reason, letter.attempts, letter.entry), (DeathReason::Fatal, 1, b"7".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_task_can_ask_for_its_own_delay() {
    let snooze = |_: Task<Number>| async { Err(TaskError::retry_in("busy", Duration::from_secs(60))) };
    assert_eq!(retry_of(attempt(claimed("7"), snooze).await).1, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_attempt_and_nothing_else() {
    let panicking = |task: Task<Number>| async move {
        assert_eq!(task.0, 8, "only eight will do");
        Ok(())
    };
    let entry = envelope(|envelope| envelope.overrides.max_attempts = Some(1));
    let letter = letter_of(attempt(claimed(entry), panicking).await);
    assert!(letter.errors[0].contains("the handler panicked") && letter.errors[0].contains("only eight"), "{letter:?}");
}

/// Panics where few expect it: when it is dropped, and when it is printed.
#[derive(Debug)]
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the mine goes off");
    }
}

#[derive(Debug)]
struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words for this")
    }
}

impl std::error::Error for Unprintable {}

#[tokio::test(start_paused = true)]
async fn a_panic_beside_the_handler_fails_the_attempt_and_nothing_else() {
    let entry = envelope(|envelope| envelope.overrides.timeout = Some(Duration::from_millis(250)));
    let hanging = |_: Task<Number>| async {
        let _mine = Mine;
        std::future::pending().await
    };
    assert_eq!(Envelope::parse(&retry_of(attempt(claimed(entry), hanging).await).0).unwrap().attempt, 1);

    let unprintable = |_: Task<Number>| async { Err(Unprintable.into()) };
    assert_eq!(Envelope::parse(&retry_of(attempt(claimed("7"), unprintable).await).0).unwrap().attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_over_its_timeout_is_dropped_and_retried() {
    let entry = envelope(|envelope| {
        envelope.overrides.timeout = Some(Duration::from_millis(250));
        envelope.overrides.backoff = Some(Backoff::fixed(Duration::from_secs(9)));
    });
    let begun = Instant::now();
    let (_, delay) = retry_of(attempt(claimed(entry), |_| std::future::pending()).await);
    assert_eq!((begun.elapsed(), delay), (Duration::from_millis(250), Duration::from_secs(9)));
}

#[tokio::test(start_paused = true)]
async fn the_handler_sees_that_its_time_is_up() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let entry = envelope(|envelope| envelope.overrides.timeout = Some(Duration::from_millis(250)));
    attempt(claimed(entry), move |task| {
        let (token, tell) = (task.cancellation().clone(), tell.lock().unwrap().take().unwrap());
        tokio::spawn(async move {
            token.cancelled().await;
            tell.send(()).unwrap();
        });
        std::future::pending()
    })
    .await;
    told.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_payload_is_kept_byte_for_byte() {
    for entry in [&b"\"seven\""[..], b"not JSON", b"\xff\xfe", b"", b"[7"] {
        let letter = letter_of(attempt(claimed(entry), |_| async { Ok(()) }).await);
        assert_eq!((letter.reason, &letter.entry[..]), (DeathReason::Undecodable, entry));
        assert!(!letter.errors.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_envelope_of_another_version_is_kept_byte_for_byte() {
    let entry = envelope(|_| ()).iter().map(|&byte| if byte == b'1' { b'9' } else { byte }).collect::<Vec<_>>();
    let letter = letter_of(attempt(claimed(entry.clone()), |_| async { Ok(()) }).await);
    assert_eq!((letter.reason, letter.entry), (DeathReason::Envelope, entry));
    assert!(letter.errors[0].contains("version 9"), "{:?}", letter.errors);
}

#[tokio::test(start_paused = true)]
async fn a_task_past_its_deadline_is_not_run() {
    let entry = envelope(|envelope| envelope.deadline = Some(Timestamp::from_millis(999_000)));
    let letter = letter_of(attempt(claimed(entry), |_| async { panic!("it was run") }).await);
    assert_eq!((letter.reason, letter.attempts), (DeathReason::DeadlinePassed, 0));
}

#[tokio::test(start_paused = true)]
async fn an_aborted_attempt_gives_its_task_back_as_it_was() {
    let abort = CancellationToken::new();
    let entry = envelope(|envelope| envelope.attempt = 1);
    let run = attempt_until(&abort, claimed(entry.clone()), |_| std::future::pending());
    let (settlement, ()) = tokio::join!(run, async { abort.cancel() });
    assert_eq!(settlement.disposition, Disposition::Release { entry });
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_told_to_stop_gives_its_task_back_by_an_error() {
    let abort = CancellationToken::new();
    abort.cancel();
    let stopping = |task: Task<Number>| async move {
        task.cancellation().cancelled().await;
        Err(TaskError::new("interrupted"))
    };
    let settlement = attempt_until(&abort, claimed("7"), stopping).await;
    assert_eq!(settlement.disposition, Disposition::Release { entry: b"7".to_vec() });
}

#[tokio::test(start_paused = true)]
async fn a_unique_lock_is_released_by_the_end_and_kept_through_a_retry() {
    let entry = envelope(|envelope| envelope.unique = Some("d1".into()));
    let id = Envelope::parse(&entry).unwrap().id;
    let unlock = Some(("d1".to_owned(), id));
    assert_eq!(attempt(claimed(entry.clone()), |_| async { Ok(()) }).await.unlock, unlock);
    assert_eq!(attempt(claimed(entry.clone()), |_| async { Err(TaskError::fatal("x")) }).await.unlock, unlock);
    assert_eq!(attempt(claimed(entry), |_| async { Err(TaskError::new("x")) }).await.unlock, None);
}
