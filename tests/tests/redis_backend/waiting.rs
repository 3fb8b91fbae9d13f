//! Waiting for a task: the blocking move, and what may happen to it.

use super::*;

#[tokio::test]
async fn a_wait_works_without_the_right_to_unblock_it() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    assert_eq!(raw.send("ACL SETUSER u on >p ~* +@all -client +client|id"), "+OK");
    let backend = RedisBackend::connect(&format!("redis://u:p@127.0.0.1:{}/", server.port())).await.unwrap();
    let lease = joined(&backend).await;
    let stop = CancellationToken::new();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let stopping = async {
        until(|| !raw.blocked().is_empty()).await;
        stop.cancel();
    };
    let (claimed, ()) = tokio::join!(waiting, stopping);
    assert!(claimed.unwrap().tasks.is_empty());
    until(|| raw.blocked().is_empty()).await;
}

#[tokio::test]
async fn a_push_reaches_a_waiting_worker_at_once_with_what_else_is_there() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    for batch in 1..5 {
        let waiting = backend.claim_waiting(&lease, claim(batch, 8), TTL, &stop);
        let pushing = async {
            until(|| !raw.blocked().is_empty()).await;
            assert_eq!(raw.send("RPUSH q a b c"), ":3");
        };
        let (claimed, ()) = tokio::join!(waiting, pushing);
        assert_eq!(entries(&claimed.unwrap()), ["a", "b", "c"]);
    }
    let clients = raw.send("CLIENT LIST");
    assert_eq!(clients.lines().count(), 3, "one connection serves all waits, one all else, and one is the test's");
}

#[tokio::test]
async fn a_killed_connection_does_not_end_the_wait() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let killing = async {
        for _ in 0..2 {
            until(|| !raw.blocked().is_empty()).await;
            let id = raw.blocked().pop().unwrap();
            assert_eq!(raw.send(&format!("CLIENT KILL ID {id}")), ":1");
        }
        until(|| !raw.blocked().is_empty()).await;
        assert_eq!(raw.send("RPUSH q a"), ":1");
    };
    let (claimed, ()) = tokio::join!(waiting, killing);
    assert_eq!(entries(&claimed.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_cancelled_wait_returns_promptly_and_leaves_nothing_claimed() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    for batch in 1..20 {
        let stop = CancellationToken::new();
        let waiting = backend.claim_waiting(&lease, claim(batch, 8), TTL, &stop);
        let stopping = async {
            // Also in the moment before the server has begun to block.
            if batch % 2 == 0 {
                until(|| !raw.blocked().is_empty()).await;
            }
            stop.cancel();
            Instant::now()
        };
        let (claimed, stopped) = tokio::join!(waiting, stopping);
        assert!(claimed.unwrap().tasks.is_empty());
        assert!(stopped.elapsed() < Duration::from_millis(500), "{:?}", stopped.elapsed());
        assert!(raw.blocked().is_empty());
    }
    assert_eq!(raw.send("RPUSH q a"), ":1");
    assert_eq!(backend.inspect(&QUEUE).await.unwrap().claimed, 0);
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    for batch in 1..10 {
        {
            let waiting = backend.claim_waiting(&lease, claim(batch, 8), TTL, &stop);
            tokio::pin!(waiting);
            tokio::select! {
                _ = &mut waiting => unreachable!("nothing was pushed"),
                () = until(|| !raw.blocked().is_empty()) => {}
            }
        }
        assert_eq!(raw.send("RPUSH q a"), ":1");
        until(|| raw.blocked().is_empty()).await;
        let claimed = backend.claim(&lease, claim(batch, 8)).await.unwrap();
        assert_eq!(entries(&claimed), ["a"]);
        let settlements: Vec<_> = claimed.tasks.into_iter().map(redis_ext::backend::Claimed::done).collect();
        backend.settle(&lease, &settlements, None).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_broken_wait_took_comes_with_the_next_claim() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    assert_eq!(raw.send("RPUSH q b"), ":1");
    assert_eq!(raw.send(&format!("RPUSH {{q}}:landing:{} a", lease.worker)), ":1");
    assert_eq!(backend.inspect(&QUEUE).await.unwrap().claimed, 1);
    backend.pause(&QUEUE).await.unwrap();
    assert!(backend.claim(&lease, claim(1, 8)).await.unwrap().tasks.is_empty());
    assert_eq!(backend.inspect(&QUEUE).await.unwrap().claimed, 0, "a pause sends it back");
    backend.resume(&QUEUE).await.unwrap();
    assert_eq!(entries(&backend.claim(&lease, claim(2, 8)).await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn what_landed_for_a_worker_without_a_lease_goes_back() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let mut raw = Raw::to(&server);
    let gone = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    assert_eq!(raw.send(&format!("RPUSH {{q}}:landing:{} a b", gone.worker)), ":2");
    assert_eq!(raw.send("RPUSH q c"), ":1");
    let error = backend.claim(&gone, claim(1, 8)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::LeaseLost, false));
    let lease = joined(&backend).await;
    assert_eq!(ready(&backend, &lease).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_pause_during_a_wait_holds_the_next_task_back() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let pausing = async {
        until(|| !raw.blocked().is_empty()).await;
        backend.pause(&QUEUE).await.unwrap();
        assert_eq!(raw.send("RPUSH q a"), ":1");
        until(|| raw.blocked().is_empty()).await;
        let stats = backend.inspect(&QUEUE).await.unwrap();
        assert_eq!((stats.ready, stats.claimed), (1, 0));
        backend.resume(&QUEUE).await.unwrap();
    };
    let (claimed, ()) = tokio::join!(waiting, pausing);
    assert_eq!(entries(&claimed.unwrap()), ["a"]);
}

#[tokio::test]
async fn idle_connections_that_broke_cost_a_wait_nothing() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    let wait = |batch| backend.claim_waiting(&lease, claim(batch, 8), Duration::from_millis(300), &stop);
    let _ = tokio::join!(wait(1), wait(2), wait(3), wait(4), wait(5), wait(6), wait(7), wait(8));
    // Those made after this one: all but the connection that everyone shares.
    let own: u64 = raw.send("CLIENT ID").trim_start_matches(':').parse().unwrap();
    let clients = raw.send("CLIENT LIST");
    let ids = clients.lines().filter_map(|client| client.split(' ').next()?.strip_prefix("id=")?.parse::<u64>().ok());
    let idle: Vec<_> = ids.filter(|&id| id > own).collect();
    assert_eq!(idle.len(), 8, "{clients}");
    for id in idle {
        assert_eq!(raw.send(&format!("CLIENT KILL ID {id}")), ":1");
    }

    let begun = Instant::now();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let pushing = async {
        until(|| !raw.blocked().is_empty()).await;
        assert_eq!(raw.send("RPUSH q a"), ":1");
    };
    let (claimed, ()) = tokio::join!(waiting, pushing);
    assert_eq!(entries(&claimed.unwrap()), ["a"]);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_wait_that_is_cancelled_while_the_server_is_away_returns_promptly() {
    let mut server = RedisServer::start();
    let backend = RedisBackend::builder(&server.url()).reconnect_wait(TTL).connect().await.unwrap();
    let lease = joined(&backend).await;
    server.kill();
    let stop = CancellationToken::new();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.cancel();
        Instant::now()
    };
    let (claimed, stopped) = tokio::join!(waiting, stopping);
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
    let error = claimed.unwrap_err();
    assert!(error.is_retryable() && error.is_maybe_applied(), "{error:?}");
}

#[tokio::test]
async fn what_lands_for_a_registry_of_a_wrong_type_stays_where_it_landed() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let stop = CancellationToken::new();
    let waiting = backend.claim_waiting(&lease, claim(1, 8), TTL, &stop);
    let registry = format!("{{q}}:claimed:{}", lease.worker);
    let pushing = async {
        until(|| !raw.blocked().is_empty()).await;
        assert_eq!(raw.send(&format!("SET {registry} 1")), "+OK");
        assert_eq!(raw.send("RPUSH q a"), ":1");
    };
    let (claimed, ()) = tokio::join!(waiting, pushing);
    assert_eq!(claimed.unwrap_err().kind(), BackendErrorKind::WrongType);
    assert_eq!(raw.send(&format!("DEL {registry}")), ":1");
    assert_eq!(entries(&backend.claim(&lease, claim(1, 8)).await.unwrap()), ["a"]);
}
