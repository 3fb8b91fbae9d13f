//! Faults on demand: what a test needs to see what its program does when the store fails.

use std::{
    collections::HashMap,
    future::Future,
    ops::{RangeFrom, RangeInclusive},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis_ext::{BackendError, BackendErrorKind, backend::Operation};

/// The longest delay of a random fault.
const LONGEST_RANDOM_DELAY: Duration = Duration::from_millis(100);

/// Which calls of a [`MemoryBackend`](crate::MemoryBackend) go wrong, and how; calls are counted per operation, from 1.
///
/// `claim` and `claim_waiting` are counted together, as [`Operation::Claim`].
///
/// # Examples
/// ```
/// use redis_ext::{BackendErrorKind, QueueName, backend::{NewTask, Operation, TaskBackend}};
/// use redis_ext_memory::{Faults, MemoryBackend};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// const EMAILS: QueueName = QueueName::from_static("emails");
/// let backend = MemoryBackend::new();
/// let flaky = backend.with_faults(
///     Faults::new()
///         .fail(Operation::Enqueue, 1, BackendErrorKind::Unavailable)
///         .lose_reply(Operation::Enqueue, 2),
/// );
///
/// let refused = flaky.enqueue(&EMAILS, &[NewTask::new("{}")]).await.unwrap_err();
/// assert!(refused.is_retryable() && !refused.is_maybe_applied());
/// let lost = flaky.enqueue(&EMAILS, &[NewTask::new("{}")]).await.unwrap_err();
/// assert!(lost.is_maybe_applied());
/// assert_eq!(backend.queued(&EMAILS), [b"{}"]);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a plan has its effect through `MemoryBackend::with_faults`"]
pub struct Faults {
    planned: Vec<(Operation, Calls, Fault)>,
    random: Option<Random>,
}

/// Calls by number: one, `3`; some, `2..=5`; or all from one on, `4..`.
///
/// # Examples
/// See [`Faults`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls(RangeInclusive<u64>);

#[derive(Debug, Clone, Copy)]
enum Fault {
    Fail(BackendErrorKind),
    LoseReply,
    Delay(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Random {
    seed: u64,
    share: f64,
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// These calls fail with this kind of error and change nothing.
    pub fn fail(self, operation: Operation, calls: impl Into<Calls>, kind: BackendErrorKind) -> Self {
        self.plan(operation, calls, Fault::Fail(kind))
    }

    /// These calls are applied and fail all the same, with a [timeout](BackendErrorKind::Timeout) that says that they
    /// may have been applied.
    pub fn lose_reply(self, operation: Operation, calls: impl Into<Calls>) -> Self {
        self.plan(operation, calls, Fault::LoseReply)
    }

    /// These calls begin only after `delay`, on tokio's clock.
    pub fn delay(self, operation: Operation, calls: impl Into<Calls>, delay: Duration) -> Self {
        self.plan(operation, calls, Fault::Delay(delay))
    }

    /// Of the calls without a planned fault, this share (0 to 1) gets one at random: each as often an
    /// [unavailable](BackendErrorKind::Unavailable) store, a lost reply, or a delay of up to 100 ms. The same seed
    /// gives the same faults to the same calls.
    pub fn random(mut self, seed: u64, share: f64) -> Self {
        self.random = Some(Random { seed, share });
        self
    }

    fn plan(mut self, operation: Operation, calls: impl Into<Calls>, fault: Fault) -> Self {
        self.planned.push((operation, calls.into(), fault));
        self
    }
}

impl From<u64> for Calls {
    fn from(call: u64) -> Self {
        Self(call..=call)
    }
}

impl From<RangeInclusive<u64>> for Calls {
    fn from(calls: RangeInclusive<u64>) -> Self {
        Self(calls)
    }
}

impl From<RangeFrom<u64>> for Calls {
    fn from(calls: RangeFrom<u64>) -> Self {
        Self(calls.start..=u64::MAX)
    }
}

/// A plan being carried out.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    faults: Faults,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    calls: HashMap<Operation, u64>,
    dice: fastrand::Rng,
}

impl FaultPlan {
    pub(crate) fn new(faults: Faults) -> Self {
        let dice = faults.random.map(|random| fastrand::Rng::with_seed(random.seed)).unwrap_or_default();
        Self { faults, progress: Mutex::new(Progress { calls: HashMap::new(), dice }) }
    }

    /// Makes a call, with the fault that is its due.
    pub(crate) async fn around<R>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<R, BackendError>>,
    ) -> Result<R, BackendError> {
        match self.next(operation) {
            None => call.await,
            Some(Fault::Fail(kind)) => Err(BackendError::new(kind, operation).with_source("a planned fault")),
            Some(Fault::LoseReply) => {
                call.await?;
                let lost = BackendError::new(BackendErrorKind::Timeout, operation).maybe_applied();
                Err(lost.with_source("a planned fault: the reply was lost"))
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                call.await
            }
        }
    }

    fn next(&self, operation: Operation) -> Option<Fault> {
        let Faults { planned, random } = &self.faults;
        if planned.is_empty() && random.is_none() {
            return None;
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Progress { calls, dice } = &mut *progress;
        let call = calls.entry(operation).or_default();
        *call += 1;
        let planned = planned.iter().find(|(of, calls, _)| *of == operation && calls.0.contains(call));
        planned.map(|&(_, _, fault)| fault).or_else(|| random.and_then(|random| random.throw(dice)))
    }
}

impl Random {
    fn throw(self, dice: &mut fastrand::Rng) -> Option<Fault> {
        (dice.f64() < self.share).then(|| match dice.u8(..3) {
            0 => Fault::Fail(BackendErrorKind::Unavailable),
            1 => Fault::LoseReply,
            _ => Fault::Delay(LONGEST_RANDOM_DELAY.mul_f64(dice.f64())),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// What `calls` calls to `operation` give: applied and well, applied without a reply, or refused.
    async fn outcomes(plan: &FaultPlan, operation: Operation, calls: usize) -> String {
        let mut outcomes = String::new();
        for _ in 0..calls {
            let mut applied = false;
            let call = async {
                applied = true;
                Ok(())
            };
            let outcome = plan.around(operation, call).await;
            outcomes.push(match outcome {
                Ok(()) if applied => '.',
                Err(error) if applied && error.is_maybe_applied() => 'l',
                Err(error) if !applied && !error.is_maybe_applied() => 'x',
                _ => '?',
            });
        }
        outcomes
    }

    #[tokio::test]
    async fn planned_faults_hit_their_calls_of_their_operation() {
        let plan = FaultPlan::new(
            Faults::new()
                .fail(Operation::Claim, 2, BackendErrorKind::Unavailable)
                .lose_reply(Operation::Settle, 1..=2)
                .fail(Operation::Settle, 4.., BackendErrorKind::Overloaded),
        );
        assert_eq!(outcomes(&plan, Operation::Settle, 6).await, "ll.xxx");
        assert_eq!(outcomes(&plan, Operation::Claim, 3).await, ".x.");
        assert_eq!(outcomes(&plan, Operation::Renew, 2).await, "..");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_call_begins_later() {
        let delay = Duration::from_secs(3);
        let plan = FaultPlan::new(Faults::new().delay(Operation::Claim, 1, delay));
        let begun = Instant::now();
        let called = plan.around(Operation::Claim, async { Ok(begun.elapsed()) }).await.unwrap();
        assert_eq!(called, delay);
    }

    #[tokio::test(start_paused = true)]
    async fn random_faults_are_the_same_for_the_same_seed() {
        let run = async |seed| outcomes(&FaultPlan::new(Faults::new().random(seed, 0.5)), Operation::Claim, 200).await;
        let first = run(7).await;
        assert_eq!(run(7).await, first);
        assert_ne!(run(8).await, first);
        assert!(first.contains('l') && first.contains('x') && first.contains('.') && !first.contains('?'), "{first}");
    }
}
