//! What is refused: each with a typed error that says what to do, and nothing half-written.

use std::time::{Duration, SystemTime};

use redis_ext::{
    BackendErrorKind, Debounce, DebounceError, DebounceExt as _, DebounceScheduler, Debouncer, DedupQueue, Error,
    RedisBackend, RedisTask,
    backend::PayloadRule,
    debounce::{CandleSticks, MAX_DELAY},
    worker::BuildError,
};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::RedisServer;

#[derive(Debug, Clone, RedisTask)]
#[redis_task(queue = "readings", debounce = "2s")]
struct Reading {
    celsius: Option<f64>,
}

const POLICY: Debounce = Debounce::after(Duration::from_secs(1));

fn debouncer(backend: &MemoryBackend) -> Debouncer<Reading> {
    Debouncer::new(backend.clone(), "readings:pending", POLICY).unwrap()
}

async fn is_empty(debouncer: &Debouncer<Reading>) -> bool {
    debouncer.pending_count().await.unwrap() == 0
}

#[tokio::test]
async fn a_float_that_is_not_finite_is_an_error_and_none_is_not() {
    let backend = MemoryBackend::new();
    let debouncer = debouncer(&backend);
    for celsius in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let reading = Reading { celsius: Some(celsius) };
        let error = debouncer.schedule(&reading).await.unwrap_err();
        assert!(matches!(error, Error::Debounce(DebounceError::Encode(_))), "{error:?}");
        assert!(reading.debounce(&backend).await.is_err() && debouncer.cancel(&reading).await.is_err());
    }
    assert!(is_empty(&debouncer).await && is_empty(&Debouncer::of(backend)).await);
    assert!(debouncer.schedule(&Reading { celsius: None }).await.unwrap().is_new());
}

#[tokio::test]
async fn a_key_that_is_not_finite_is_an_error() {
    let keyed = debouncer(&MemoryBackend::new()).keyed_by(|reading| reading.celsius.map(|celsius| celsius * f64::MAX));
    let error = keyed.schedule(&Reading { celsius: Some(40.0) }).await.unwrap_err();
    assert!(matches!(error, Error::Debounce(DebounceError::Encode(_))), "{error:?}");
}

#[tokio::test]
async fn delays_over_the_longest_are_errors_and_the_longest_is_none() {
    let debouncer = debouncer(&MemoryBackend::new());
    let reading = Reading { celsius: None };
    for error in [
        debouncer.schedule_in(&reading, Duration::MAX).await.unwrap_err(),
        debouncer.schedule_in(&reading, MAX_DELAY + Duration::from_millis(1)).await.unwrap_err(),
        debouncer.schedule_at(&reading, SystemTime::now() + 2 * MAX_DELAY).await.unwrap_err(),
        Debouncer::<Reading>::new(MemoryBackend::new(), "key", Debounce::after(Duration::MAX)).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Debounce(DebounceError::TooLong(_))), "{error:?}");
    }
    assert!(is_empty(&debouncer).await);
    assert!(debouncer.schedule_in(&reading, MAX_DELAY).await.unwrap().is_new());
}

#[tokio::test]
async fn a_time_before_the_epoch_is_due_at_once() {
    let debouncer = debouncer(&MemoryBackend::new());
    let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    debouncer.schedule_at(&Reading { celsius: None }, long_ago).await.unwrap();
    assert_eq!(debouncer.pop_due(1).await.unwrap().len(), 1);
}

#[test]
fn keys_that_are_none_are_errors() {
    for key in [String::new(), "a\0b".into(), "a{b".into(), "k".repeat(513)] {
        let error = Debouncer::<Reading>::new(MemoryBackend::new(), key.clone(), POLICY).unwrap_err();
        assert!(matches!(error, Error::Debounce(DebounceError::Key(_))), "{error:?}");
        assert!(DedupQueue::<Reading>::new(MemoryBackend::new(), key.clone()).is_err());
        assert!(CandleSticks::new(MemoryBackend::new(), &format!("{{{key}"), Duration::from_secs(60)).is_err());
    }
    for period in [Duration::ZERO, Duration::from_millis(500)] {
        assert!(CandleSticks::new(MemoryBackend::new(), "candlestick", period).is_err(), "{period:?}");
    }
}

#[tokio::test]
async fn a_full_firing_refuses_more_and_keeps_what_it_has() {
    let policy = POLICY.payloads(PayloadRule::accumulate(2));
    let all = Debouncer::new(MemoryBackend::new(), "all", policy).unwrap().keyed_by(|_: &Reading| 1);
    for celsius in [1.0, 2.0] {
        all.schedule(&Reading { celsius: Some(celsius) }).await.unwrap();
    }
    let error = all.schedule(&Reading { celsius: Some(3.0) }).await.unwrap_err();
    assert!(matches!(error, Error::Debounce(DebounceError::Full)), "{error:?}");
    let fired = all.pop_due(10).await.unwrap().remove(0).into_payloads();
    assert_eq!(fired.iter().map(|reading| reading.celsius.unwrap()).collect::<Vec<_>>(), [1.0, 2.0]);
}

#[test]
fn a_scheduler_that_cannot_work_does_not_start() {
    actix::System::new().block_on(async {
        let backend = MemoryBackend::new();
        let debouncer = debouncer(&backend);
        let same_name = Debouncer::<Reading>::new(backend.clone(), "readings", POLICY).unwrap();
        let builder = || DebounceScheduler::builder(backend.clone());
        let faults = [
            builder().start().unwrap_err(),
            builder().to_queue(&debouncer).to_queue(&debouncer).start().unwrap_err(),
            builder().to_queue(&same_name).start().unwrap_err(),
            builder().to_queue(&debouncer).concurrency(0).start().unwrap_err(),
            builder().to_queue(&debouncer).repoll(Duration::ZERO).start().unwrap_err(),
            builder().to_queue(&debouncer).heartbeat(Duration::from_secs(4)).start().unwrap_err(),
        ];
        let kinds = faults.map(|error| match error {
            Error::Build(fault) => fault,
            other => panic!("{other:?}"),
        });
        assert!(matches!(
            kinds,
            [
                BuildError::NoDebouncer,
                BuildError::TwoDispatches(_),
                BuildError::KeyIsQueue(_),
                BuildError::IdleScheduler,
                BuildError::IdleScheduler,
                BuildError::Lease { .. }
            ]
        ));
    });
    let outside = DebounceScheduler::builder(MemoryBackend::new()).task::<Reading>().start().unwrap_err();
    assert!(matches!(outside, Error::Build(BuildError::NoSystem)));
}

/// For each key that a debouncer touches: something else is there.
#[tokio::test]
async fn a_key_of_a_wrong_type_is_an_error_and_nothing_is_half_written() {
    let server = RedisServer::start();
    let backend = RedisBackend::connect(&server.url()).await.unwrap();
    let mut direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let policy = Debounce::trailing(Duration::ZERO).max_wait(MAX_DELAY).payloads(PayloadRule::accumulate(10));
    let readings = Debouncer::new(backend, "r", policy).unwrap().keyed_by(|_: &Reading| 1);
    let reading = Reading { celsius: None };
    for key in ["r", "{r}:parked", "{r}:payloads", "{r}:bursts", "{r}:quiet", "{r}:active"] {
        redis::cmd("FLUSHALL").exec(&mut direct).unwrap();
        redis::cmd("SET").arg(key).arg("a text").exec(&mut direct).unwrap();
        let Error::Backend(error) = readings.schedule(&reading).await.unwrap_err() else { panic!("{key}") };
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::WrongType, false), "{key}");
        assert!(error.to_string().contains("used for something else"), "{error}");
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut direct).unwrap();
        assert_eq!(keys, [key]);
    }
    for key in ["{r}:parked", "{r}:payloads", "{r}:active", "{r}:claims", "{r}:bursts"] {
        redis::cmd("FLUSHALL").exec(&mut direct).unwrap();
        redis::cmd("ZADD").arg("r").arg(1).arg("1").exec(&mut direct).unwrap();
        redis::cmd("SET").arg(key).arg("a text").exec(&mut direct).unwrap();
        let Error::Backend(error) = readings.pop_due(10).await.unwrap_err() else { panic!("{key}") };
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::WrongType, false), "{key}");
        let left: usize = redis::cmd("ZCARD").arg("r").query(&mut direct).unwrap();
        assert_eq!(left, 1, "{key}");
    }
}
