//! The ticker against a backend that misbehaves on purpose, on a clock that the tests move.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt as _;

use super::{SchedulerOptions, dispatch::Dispatch, ticker::Ticker};
use crate::{
    BackendError, BackendErrorKind, Timestamp,
    backend::{
        ClaimId, ClaimedFirings, DebounceKey, Firing, FiringOutcome, FiringSettled, FiringSettlement,
        MockDebounceBackend, Operation, Waker,
    },
    worker::{LeaseOptions, Shutdown},
};

type Log<T> = Arc<Mutex<Vec<T>>>;

fn lost(operation: Operation) -> BackendError {
    BackendError::new(BackendErrorKind::Timeout, operation).maybe_applied()
}

fn firing() -> ClaimedFirings {
    let firing = Firing { member: b"1".to_vec(), due: Timestamp::default(), payloads: Vec::new() };
    ClaimedFirings::new(vec![firing], None, Timestamp::default(), false)
}

/// A backend that gives one firing, with its `given`th claim; notes the claims' IDs.
fn backend_with_one_firing(
    given: usize,
    before: fn() -> Result<ClaimedFirings, BackendError>,
) -> (MockDebounceBackend, Log<ClaimId>) {
    let mut backend = MockDebounceBackend::new();
    backend.expect_watch_firings().returning(|_| Ok(Waker::new().watch()));
    let claims = Log::default();
    let noted = Arc::clone(&claims);
    backend.expect_claim_firings().returning(move |_, claim| {
        let mut claims = noted.lock().unwrap();
        claims.push(claim.id);
        match claims.len() {
            number if number < given => before(),
            number if number == given => Ok(firing()),
            _ => Ok(ClaimedFirings::default()),
        }
    });
    (backend, claims)
}

fn ticker(backend: MockDebounceBackend, dispatch: Dispatch) -> Ticker {
    let options = SchedulerOptions::default();
    let key = DebounceKey::new("key").unwrap();
    Ticker { backend: Arc::new(backend), key, dispatch, options, shutdown: Shutdown::default() }
}

/// Runs a ticker for so long, and then until it has drained.
async fn run(ticker: &Ticker, time: Duration) {
    let drain = async {
        tokio::time::sleep(time).await;
        ticker.shutdown.drain();
    };
    tokio::join!(ticker.run(), drain);
}

fn done_after(busy: Duration) -> Dispatch {
    Arc::new(move |_, _| {
        async move {
            tokio::time::sleep(busy).await;
            FiringOutcome::Done
        }
        .boxed_local()
    })
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_reply_was_lost_is_repeated_under_its_id_and_the_next_has_another() {
    let (mut backend, claims) = backend_with_one_firing(3, || Err(lost(Operation::ClaimFirings)));
    let settled = Log::default();
    let noted = Arc::clone(&settled);
    backend.expect_settle_firings().returning(move |_, claim, _| {
        noted.lock().unwrap().push(claim);
        Ok(vec![FiringSettled::Settled])
    });
    run(&ticker(backend, done_after(Duration::ZERO)), Duration::from_secs(30)).await;
    let claims = claims.lock().unwrap();
    assert_eq!((claims[0], claims[1]), (claims[2], claims[2]));
    assert_eq!(*settled.lock().unwrap(), [claims[2]]);
    assert!(claims.len() > 3 && claims[3..].iter().all(|claim| *claim != claims[2]));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_settled_is_settled_again_as_it_was() {
    let (mut backend, claims) = backend_with_one_firing(1, || Ok(ClaimedFirings::default()));
    let tries: Log<(ClaimId, Vec<FiringSettlement>)> = Log::default();
    let noted = Arc::clone(&tries);
    backend.expect_settle_firings().returning(move |_, claim, settlements| {
        let mut tries = noted.lock().unwrap();
        tries.push((claim, settlements.to_vec()));
        if tries.len() < 4 { Err(lost(Operation::SettleFirings)) } else { Ok(vec![FiringSettled::Gone]) }
    });
    run(&ticker(backend, done_after(Duration::ZERO)), Duration::from_secs(1)).await;
    let settlement = FiringSettlement { member: b"1".to_vec(), outcome: FiringOutcome::Done };
    let claim = claims.lock().unwrap()[0];
    assert_eq!(*tries.lock().unwrap(), vec![(claim, vec![settlement]); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_renewed_while_its_firing_runs_even_if_renewals_fail_and_no_longer() {
    let (mut backend, claims) = backend_with_one_firing(1, || Ok(ClaimedFirings::default()));
    let renewals: Log<Vec<ClaimId>> = Log::default();
    let noted = Arc::clone(&renewals);
    backend.expect_renew_firings().returning(move |_, claims, _| {
        let mut renewals = noted.lock().unwrap();
        renewals.push(claims.to_vec());
        if renewals.len() == 1 { Err(lost(Operation::RenewFirings)) } else { Ok(vec![true]) }
    });
    backend.expect_settle_firings().returning(|_, _, _| Ok(vec![FiringSettled::Settled]));
    let busy = LeaseOptions::DEFAULT_HEARTBEAT * 3 + Duration::from_millis(500);
    run(&ticker(backend, done_after(busy)), Duration::from_secs(60)).await;
    let claim = claims.lock().unwrap()[0];
    assert_eq!(*renewals.lock().unwrap(), vec![vec![claim]; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_payload_whose_decoding_panics_is_quarantined() {
    let (mut backend, _) = backend_with_one_firing(1, || Ok(ClaimedFirings::default()));
    backend.expect_settle_firings().times(1).returning(|_, _, settlements| {
        assert!(matches!(&settlements[0].outcome, FiringOutcome::Quarantine { reason } if reason.contains("panicked")));
        Ok(vec![FiringSettled::Settled])
    });
    let panics: Dispatch = Arc::new(|_, _| async { panic!("a planned panic") }.boxed_local());
    run(&ticker(backend, panics), Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_still_runs_when_the_grace_time_is_over_is_given_back() {
    let (mut backend, _) = backend_with_one_firing(1, || Ok(ClaimedFirings::default()));
    backend.expect_renew_firings().returning(|_, _, _| Ok(vec![true]));
    backend.expect_settle_firings().times(1).returning(|_, _, settlements| {
        let given_back = FiringSettlement { member: b"1".to_vec(), outcome: FiringOutcome::Return { after: None } };
        assert_eq!(settlements, [given_back]);
        Ok(vec![FiringSettled::Settled])
    });
    let ticker = ticker(backend, done_after(Duration::from_secs(3600)));
    let abort = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        ticker.shutdown.abort();
    };
    tokio::join!(ticker.run(), abort);
}
