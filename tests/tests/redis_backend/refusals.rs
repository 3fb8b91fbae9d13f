//! What the server refuses, and what becomes of it: each refusal has its kind, and nothing was written.

use futures_util::FutureExt as _;

use super::*;

#[tokio::test]
async fn without_a_server_connecting_says_where_it_was_looked_for_and_what_to_do() {
    let mut server = RedisServer::start();
    server.kill();
    let error = RedisBackend::connect(&server.url()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Unavailable, false));
    let source = source_of(&error);
    assert!(source.contains(&format!("127.0.0.1:{}", server.port())) && source.contains("redis-server"), "{source}");
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_a_matter_of_configuration_and_is_not_shown() {
    for url in ["", "redis", "http://u:hunter2@h/", "redis://u:hunter2@h:port/", "rediss://u:hunter2@127.0.0.1/"] {
        let error = RedisBackend::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Config, "{url}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn connecting_outside_of_a_tokio_runtime_is_refused_with_tokios_own_words() {
    let Some(outcome) = RedisBackend::connect("redis://127.0.0.1/").now_or_never() else {
        panic!("it waits for what never comes")
    };
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Config);
    assert!(source_of(&error).contains("no reactor running"), "{error:?}");
}

#[tokio::test]
async fn wrong_credentials_are_a_matter_of_configuration() {
    let server = RedisServer::builder().password("hunter2").start();
    for credentials in ["", ":wrong@", "nobody:hunter2@"] {
        let url = format!("redis://{credentials}127.0.0.1:{}/", server.port());
        let error = RedisBackend::connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Config, "{credentials}: {error:?}");
    }
    let backend = connect(&server).await;
    assert!(!format!("{backend:?}").contains("hunter2"), "{backend:?}");
}

#[tokio::test]
async fn a_cluster_node_is_refused_as_it_is_not_supported() {
    let server = RedisServer::builder().arg("cluster-enabled", "yes").start();
    let error = RedisBackend::connect(&server.url()).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Config);
    assert!(source_of(&error).contains("cluster"), "{error:?}");
}

#[tokio::test]
async fn a_missing_right_is_a_matter_of_configuration() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    // `INFO` and `CLIENT` are not needed, only liked.
    assert_eq!(raw.send("ACL SETUSER u on >p ~* +@all -info -client -rpush -zscore"), "+OK");
    let backend = RedisBackend::connect(&format!("redis://u:p@127.0.0.1:{}/", server.port())).await.unwrap();
    let error = backend.enqueue(&QUEUE, &tasks(&["1"])).await.unwrap_err();
    assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Config, false));
    let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    let error = backend.join(&lease, TTL).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Config, "within a script: {error:?}");
}

#[tokio::test]
async fn a_key_of_another_type_fails_the_operation_before_anything_is_written() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let mut raw = Raw::to(&server);
    let lease = joined(&backend).await;
    let _ = backend.enqueue(&QUEUE, &tasks(&["a", "b"])).await.unwrap();
    let worker = lease.worker;
    for key in [
        "q".to_owned(),
        "{q}:workers".to_owned(),
        "{q}:scheduled".to_owned(),
        "{q}:dead".to_owned(),
        "{q}:dead:index".to_owned(),
        "{q}:stats".to_owned(),
        "{q}:unique:d".to_owned(),
        format!("{{q}}:claimed:{worker}"),
        format!("{{q}}:claimed:{worker}:9"),
        format!("{{q}}:claimed:{worker}:1:done"),
        format!("{{q}}:landing:{worker}"),
    ] {
        raw.send("FLUSHALL");
        backend.join(&lease, TTL).await.unwrap();
        let _ = backend.enqueue(&QUEUE, &tasks(&["a", "b", "c", "d"])).await.unwrap();
        let mut batch = backend.claim(&lease, claim(1, 4)).await.unwrap().tasks;
        let _ = backend.enqueue(&QUEUE, &tasks(&["e"])).await.unwrap();
        raw.send(&format!("COPY {key} kept"));
        raw.send(&format!("DEL {key}"));
        let wrong = if key.ends_with(":d") { format!("RPUSH {key} x") } else { format!("SET {key} x") };
        assert!(!raw.send(&wrong).starts_with('-'));
        let before = raw.digest();

        let (d, c, b, a) = (batch.pop().unwrap(), batch.pop().unwrap(), batch.pop().unwrap(), batch.pop().unwrap());
        let settlements = [
            a.done().unlock("d", TaskId::random()),
            b.retry(TaskId::random(), b"b".to_vec(), TTL),
            c.dead(letter("c")),
            d.release(),
        ];
        let next = Some(claim(9, 8));
        let settled = backend.settle(&lease, &settlements[..3], next).await.map(drop);
        assert_eq!(settled.unwrap_err().kind(), BackendErrorKind::WrongType, "settle, {key}");
        assert_eq!(raw.digest(), before, "settle wrote although {key} has a wrong type");

        let unique = [NewTask::new("1"), NewTask::new("2").unique(lock())];
        let answers = [
            ("enqueue", backend.enqueue(&QUEUE, &tasks(&["x"])).await.map(drop), &["q"][..]),
            ("unique", backend.enqueue(&QUEUE, &unique).await.map(drop), &["q", "{q}:unique:d"]),
            (
                "schedule",
                backend.schedule(&QUEUE, &unique, Due::In(TTL)).await.map(drop),
                &["{q}:scheduled", "{q}:unique:d"],
            ),
        ];
        for (operation, answer, keys) in answers {
            let expected = keys.contains(&key.as_str()).then_some(BackendErrorKind::WrongType);
            assert_eq!(answer.err().map(|error| error.kind()), expected, "{operation}, {key}");
        }
        let expect = |operation: &str, kind: Option<BackendErrorKind>, keys: &[&str]| {
            let expected = keys.iter().any(|end| key.ends_with(end)).then_some(BackendErrorKind::WrongType);
            assert_eq!(kind, expected, "{operation}, {key}");
        };
        let kind = |answer: Result<(), BackendError>| answer.err().map(|error| error.kind());
        expect("promote", kind(backend.promote(&QUEUE, 8).await.map(drop)), &["q", "scheduled"]);
        expect("renew", kind(backend.renew(&lease, TTL).await), &["workers"]);
        expect("dead letters", kind(backend.dead_letters(&QUEUE, Page::default()).await.map(drop)), &["dead", "index"]);
        let all = Selection::All;
        expect("replay", kind(backend.replay(&QUEUE, &all).await.map(drop)), &["q", "dead", "index", "stats"]);
        expect("delete", kind(backend.delete_dead(&QUEUE, &all).await.map(drop)), &["dead", "index", "stats"]);
        let retention = Retention::default();
        expect("trim", kind(backend.trim_dead(&QUEUE, &retention).await.map(drop)), &["dead", "index", "stats"]);
        expect(
            "recover",
            kind(backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await.map(drop)),
            &["workers"],
        );
    }
}

#[tokio::test]
async fn a_full_server_refuses_new_tasks_and_lets_the_claimed_ones_go_on() {
    let server = RedisServer::builder().arg("maxmemory-policy", "noeviction").start();
    let mut raw = Raw::to(&server);
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let _ = backend.enqueue(&QUEUE, &tasks(&["a", "b", "c", "d"])).await.unwrap();
    let _ = backend.schedule(&QUEUE, &tasks(&["s"]), Due::In(Duration::ZERO)).await.unwrap();
    assert_eq!(raw.send("CONFIG SET maxmemory 1"), "+OK");

    for error in [
        backend.enqueue(&QUEUE, &tasks(&["e"])).await.unwrap_err(),
        backend.enqueue(&QUEUE, &[NewTask::new("e").unique(lock())]).await.unwrap_err(),
        backend.schedule(&QUEUE, &tasks(&["e"]), Due::In(TTL)).await.unwrap_err(),
        backend.pause(&QUEUE).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Overloaded, false), "{error:?}");
    }

    backend.renew(&lease, TTL).await.unwrap();
    assert_eq!(backend.promote(&QUEUE, 8).await.unwrap().moved, 1);
    let mut batch = backend.claim(&lease, claim(1, 4)).await.unwrap().tasks;
    assert_eq!(batch.len(), 4);
    let (_running, c, b, a) = (batch.pop().unwrap(), batch.pop().unwrap(), batch.pop().unwrap(), batch.pop().unwrap());
    let settlements = [a.done(), b.retry(TaskId::random(), b"b".to_vec(), TTL), c.dead(letter("c"))];
    backend.settle(&lease, &settlements, None).await.unwrap();
    let stop = CancellationToken::new();
    let claimed = backend.claim_waiting(&lease, claim(2, 4), Duration::from_millis(300), &stop).await.unwrap();
    assert_eq!(entries(&claimed), ["s"]);
    let none = backend.claim_waiting(&lease, claim(3, 4), Duration::from_millis(300), &stop).await.unwrap();
    assert!(none.tasks.is_empty());
    backend.leave(&lease).await.unwrap();
}

#[tokio::test]
async fn a_replica_is_unavailable_for_writes() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    assert_eq!(raw.send("REPLICAOF 127.0.0.1 1"), "+OK");
    assert_eq!(raw.send("CONFIG SET replica-serve-stale-data yes"), "+OK");
    for error in
        [backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap_err(), backend.renew(&lease, TTL).await.unwrap_err()]
    {
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Unavailable, false), "{error:?}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_busy_server_is_overloaded() {
    let server = RedisServer::builder().arg("lua-time-limit", "50").start();
    let backend = connect(&server).await;
    let mut raw = Raw::to(&server);
    raw.begin("EVAL \"while true do end\" 0");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap_err();
    assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Overloaded, false), "{error:?}");
    assert_eq!(Raw::to(&server).send("SCRIPT KILL"), "+OK");
    assert!(raw.line().contains("SCRIPT KILL"), "the script has ended");
    let _ = backend.enqueue(&QUEUE, &tasks(&["a"])).await.unwrap();
}

#[tokio::test]
async fn more_tasks_than_one_call_takes_are_refused_and_more_letters_are_moved_in_steps() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let error = backend.enqueue(&QUEUE, &tasks(&["a"; 513])).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::TooLarge);
    let ids = Selection::Ids((0..10_000).map(|_| TaskId::random()).collect());
    assert_eq!(backend.replay(&QUEUE, &ids).await.unwrap(), 0);
    assert_eq!(backend.delete_dead(&QUEUE, &Selection::Ids(Vec::new())).await.unwrap(), 0);
}
