//! Lost connections, forgotten scripts, silent servers and runtimes that end.

use super::*;

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_given_them_again() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let mut raw = Raw::to(&server);
    let lease = joined(&backend).await;
    let stop = CancellationToken::new();

    assert_eq!(raw.send("SCRIPT FLUSH"), "+OK");
    let _ = backend.enqueue(&QUEUE, &[NewTask::new("a").unique(lock()), NewTask::new("b")]).await.unwrap();
    assert_eq!(raw.send("SCRIPT FLUSH"), "+OK");
    let mut first = backend.claim(&lease, claim(1, 1)).await.unwrap().tasks;
    let mut second = backend.claim(&lease, claim(2, 1)).await.unwrap().tasks;
    assert_eq!(raw.send("SCRIPT FLUSH"), "+OK");
    let settlements = [first.pop().unwrap().done(), second.pop().unwrap().release()];
    let next = backend.settle(&lease, &settlements, Some(claim(3, 1))).await.unwrap();
    assert_eq!(entries(&next), ["b"]);

    let waiting = backend.claim_waiting(&lease, claim(4, 8), TTL, &stop);
    let pushing = async {
        until(|| !raw.blocked().is_empty()).await;
        assert_eq!(raw.send("SCRIPT FLUSH"), "+OK");
        assert_eq!(raw.send("RPUSH q x"), ":1");
    };
    let (claimed, ()) = tokio::join!(waiting, pushing);
    assert_eq!(entries(&claimed.unwrap()), ["x"]);
}

#[tokio::test]
async fn after_a_restart_of_the_server_everything_goes_on() {
    let mut server = RedisServer::builder().durable().start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let _ = backend.enqueue(&QUEUE, &tasks(&["a", "b"])).await.unwrap();
    let mut batch = backend.claim(&lease, claim(1, 1)).await.unwrap().tasks;
    // A connection for waits is left idle, and breaks too.
    let stop = CancellationToken::new();
    let _ = backend.claim_waiting(&lease, claim(2, 1), Duration::ZERO, &stop).await.unwrap();

    server.kill();
    let waiting = {
        let backend = backend.clone();
        tokio::spawn(async move { backend.enqueue(&QUEUE, &tasks(&["c"])).await })
    };
    server.restart();
    // It was made while there was no connection, or its failure says so.
    if let Err(error) = waiting.await.unwrap() {
        assert!(error.is_retryable(), "{error:?}");
    }
    backend.settle(&lease, &[batch.pop().unwrap().done()], None).await.unwrap();
    let waited = backend.claim_waiting(&lease, claim(3, 8), TTL, &stop);
    let pushed = tasks(&["d"]);
    let pushing = backend.enqueue(&QUEUE, &pushed);
    let (waited, pushed) = tokio::join!(waited, pushing);
    assert!(pushed.is_ok() && waited.is_ok());
}

#[tokio::test]
async fn a_call_without_a_connection_fails_as_not_applied_once_its_patience_is_over() {
    let mut server = RedisServer::start();
    let wait = Duration::from_millis(300);
    let backend = RedisBackend::builder(&server.url()).reconnect_wait(wait).connect().await.unwrap();
    let _ = backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap();
    server.kill();
    // The loss is noticed by itself; until then a call may still be sent into it.
    let begun = Instant::now();
    let error = loop {
        let error = backend.enqueue(&QUEUE, &tasks(&["b"])).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Unavailable);
        if !error.is_maybe_applied() {
            break error;
        }
        assert!(begun.elapsed() < TTL);
    };
    assert!(begun.elapsed() >= wait);
    assert!(source_of(&error).contains(&server.port().to_string()), "{error:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_a_timeout_that_may_have_been_applied() {
    let server = RedisServer::start();
    let timeout = Duration::from_millis(200);
    let backend = RedisBackend::builder(&server.url()).response_timeout(timeout).connect().await.unwrap();
    let mut raw = Raw::to(&server);
    assert_eq!(raw.send("CLIENT PAUSE 300 ALL"), "+OK");
    let error = backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap_err();
    assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Timeout, true));
    until(|| raw.send("LLEN q") == ":1").await;
    assert_eq!(backend.inspect(&QUEUE).await.unwrap().ready, 1, "a slow server keeps its connection");
}

#[tokio::test]
async fn a_backend_works_on_any_runtime_and_its_thread_ends_with_it() {
    let server = RedisServer::start();
    let made_elsewhere = std::thread::spawn({
        let url = server.url();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(RedisBackend::connect(&url)).unwrap()
        }
    });
    let backend = made_elsewhere.join().unwrap();
    let _ = backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap();
    let mut raw = Raw::to(&server);
    let clients = |raw: &mut Raw| raw.send("CLIENT LIST").lines().count();
    assert_eq!(clients(&mut raw), 2);
    drop(backend);
    until(|| clients(&mut raw) == 1).await;
}

#[test]
fn a_runtime_that_ends_takes_its_wait_along_and_nothing_else() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime();
    let stop = CancellationToken::new();
    let (backend, lease) = ended.block_on(async {
        let backend = connect(&server).await;
        let lease = joined(&backend).await;
        {
            let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
            tokio::select! {
                _ = waiting => unreachable!("nothing was pushed"),
                () = until(|| !raw.blocked().is_empty()) => {}
            }
        }
        (backend, lease)
    });
    drop(ended);
    runtime().block_on(async {
        until(|| raw.blocked().is_empty()).await;
        let waiting = backend.claim_waiting(&lease, claim(2, 8), TTL, &stop);
        let pushing = async {
            until(|| !raw.blocked().is_empty()).await;
            assert_eq!(raw.send("RPUSH q a"), ":1");
        };
        let (claimed, ()) = tokio::join!(waiting, pushing);
        assert_eq!(entries(&claimed.unwrap()), ["a"]);
    });
}

#[derive(redis_ext::RedisTask)]
struct Mail {}

#[derive(redis_ext::RedisTask)]
#[redis_task(debounce = "10ms")]
struct Rebuild {}

#[test]
fn a_process_has_as_many_connections_as_the_book_says() {
    use redis_ext::{FastSet, prelude::*};
    actix::System::new().block_on(async {
        let server = RedisServer::start();
        let backend = connect(&server).await;
        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(4), |_: Task<Mail>| async { Ok(()) })
            .handler_fn(Concurrency::new(4), |_: Task<Rebuild>| async { Ok(()) })
            .start()
            .unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).task::<Rebuild>().start().unwrap();
        let _flags = FastSet::<u32>::builder(backend.clone(), "flags").open().await.unwrap();
        let _plans = FastSet::<u32>::builder(backend.clone(), "plans").open().await.unwrap();
        let mut raw = Raw::to(&server);
        let mut connections = || raw.send("CLIENT LIST").lines().count() - 1;
        // The shared one, two that wait for tasks, one that wakes the scheduler, one that tells of changes.
        until(|| connections() == 5).await;
        let _ = Rebuild {}.debounce(&backend).await.unwrap();
        scheduler.run_until_idle().await.unwrap();
        workers.run_until_idle().await.unwrap();
        let left = connections();
        assert!(left <= 5, "work needs no more than waiting does: {left}");
    });
}
