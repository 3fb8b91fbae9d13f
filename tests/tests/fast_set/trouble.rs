//! Bad keys, missing rights, lost connections and dead servers: typed errors, and a view that says how old it is.

use std::time::Instant;

use redis_ext::{
    BackendErrorKind,
    fast_set::{Mode, WhenStale},
};
use redis_ext_tests::{Fault, Proxy};

use super::*;

fn kind(error: &FastSetError) -> Option<BackendErrorKind> {
    match error {
        FastSetError::Backend(error) => Some(error.kind()),
        _ => None,
    }
}

fn text(error: &FastSetError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[actix::test]
async fn keys_that_hold_something_else_are_typed_errors_and_the_view_stays() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let backend = connect(&server.url()).await;
    let set = FastSet::<u32>::builder(backend.clone(), "s")
        .when_stale(WhenStale::ServeStale(Duration::from_secs(600)))
        .open()
        .await
        .unwrap();
    set.extend([1, 2]).await.unwrap();
    for (spoil, expected) in [
        ("SET s:value text", BackendErrorKind::WrongType),
        ("LPUSH s:version 1", BackendErrorKind::WrongType),
        ("SET s:version seven", BackendErrorKind::Corrupt),
        ("SET s:version 1.5", BackendErrorKind::Corrupt),
        ("SET s:version -1", BackendErrorKind::Corrupt),
        ("SET s:version 9007199254740993", BackendErrorKind::Corrupt),
        ("SET s:log text", BackendErrorKind::WrongType),
    ] {
        let key = spoil.split(' ').nth(1).unwrap();
        // In one step, so that no view sees the set without its key.
        let spoiled =
            format!("redis.call('RENAME', KEYS[1], 'kept') return redis.call('{}')", spoil.replace(' ', "', '"));
        assert!(!raw.send(&format!("EVAL \"{spoiled}\" 1 {key}")).starts_with('-'), "{spoil}");
        let digest = format!("EVAL \"return redis.sha1hex(redis.call('DUMP', KEYS[1]))\" 1 {key}");
        let before = raw.send(&digest);
        for error in [
            set.insert(3).await.unwrap_err(),
            set.remove(&1).await.unwrap_err(),
            set.extend(0..2000).await.unwrap_err(),
            set.clear().await.unwrap_err(),
            set.refresh().await.unwrap_err(),
            FastSet::<u32>::builder(backend.clone(), "s").open().await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), Some(expected), "{spoil}: {error:?}");
        }
        assert_eq!(raw.send(&digest), before, "{spoil}: nothing was written");
        assert_eq!(set.freshness().mode, Mode::Disconnected);
        assert!(set.contains(&1).unwrap() && set.len().unwrap() == 2, "{spoil}: the view is what it was");
        assert_eq!(raw.send(&format!("RENAME kept {key}")), "+OK");
        eventually("the set is followed again", || async { set.freshness().mode == Mode::Pushed }).await;
        shows(&set, &[1, 2]).await;
    }
    let forever = "local forever = 0 for _, key in ipairs(redis.call('KEYS', 's:staged*')) do \
                   if redis.call('PTTL', key) < 0 then forever = forever + 1 end end return forever";
    assert_eq!(raw.send(&format!("EVAL \"{forever}\" 0")), ":0", "what was staged for nothing expires");
}

#[actix::test]
async fn missing_rights_are_typed_errors_and_asked_for_a_bounded_number_of_times() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    raw.send("SADD s:value 1");
    assert_eq!(raw.send("ACL SETUSER reader on >p ~* +@all -sadd"), "+OK");
    let backend = connect(&format!("redis://reader:p@127.0.0.1:{}/", server.port())).await;
    let set = open(&backend, "s").await;
    let begun = Instant::now();
    let error = set.insert(2).await.unwrap_err();
    assert_eq!(kind(&error), Some(BackendErrorKind::Config));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(set.contains(&1).unwrap() && !set.contains(&2).unwrap());

    // Without the right to be told of changes, the version is asked for.
    assert_eq!(raw.send("ACL SETUSER asker on >p ~* +@all -client"), "+OK");
    let backend = connect(&format!("redis://asker:p@127.0.0.1:{}/", server.port())).await;
    let set = FastSet::<u32>::builder(backend, "s").timeout(Duration::from_millis(100)).open().await.unwrap();
    assert_eq!(set.freshness().mode, Mode::Polled);
    raw.send("SADD s:value 3");
    shows(&set, &[1, 3]).await;

    assert_eq!(raw.send("ACL SETUSER stranger on >p ~t:* +@all"), "+OK");
    let backend = connect(&format!("redis://stranger:p@127.0.0.1:{}/", server.port())).await;
    let error = FastSet::<u32>::builder(backend, "s").open().await.unwrap_err();
    assert_eq!(kind(&error), Some(BackendErrorKind::Config));
}

#[actix::test]
async fn on_a_cluster_a_name_without_a_hash_tag_is_refused_with_the_name_that_works() {
    let server = RedisServer::builder().arg("cluster-enabled", "yes").start();
    let mut raw = Raw::to(&server);
    for first in (0..16384).step_by(4096) {
        let slots: Vec<_> = (first..first + 4096).map(|slot: u32| slot.to_string()).collect();
        assert_eq!(raw.send(&format!("CLUSTER ADDSLOTS {}", slots.join(" "))), "+OK");
    }
    // A server that does not say what it is gets by the check for clusters.
    assert_eq!(raw.send("ACL SETUSER u on >p ~* +@all -info"), "+OK");
    eventually("the cluster is up", || {
        let up = Raw::to(&server).send("SET up 1") == "+OK";
        async move { up }
    })
    .await;
    let backend = connect(&format!("redis://u:p@127.0.0.1:{}/", server.port())).await;
    let error = FastSet::<u32>::builder(backend.clone(), "flags").open().await.unwrap_err();
    assert_eq!(kind(&error), Some(BackendErrorKind::Config));
    assert!(text(&error).contains("name the set {flags}"), "{}", text(&error));
    let set = open(&backend, "{flags}").await;
    set.extend(0..1000).await.unwrap();
    assert_eq!(set.len().unwrap(), 1000);
}

#[actix::test]
async fn without_a_server_reads_are_refused_served_or_made_through_as_the_policy_says() {
    let mut server = RedisServer::start();
    let backend = RedisBackend::builder(&server.url())
        .reconnect_wait(Duration::from_millis(100))
        .response_timeout(Duration::from_millis(300))
        .connect()
        .await
        .unwrap();
    let open = |policy: WhenStale| {
        let builder = FastSet::<u32>::builder(backend.clone(), "s").heartbeat(Duration::from_millis(100));
        builder.when_stale(policy).open()
    };
    let refusing = open(WhenStale::Refuse).await.unwrap();
    refusing.insert(1).await.unwrap();
    let serving = open(WhenStale::ServeStale(Duration::from_secs(2))).await.unwrap();
    let direct = open(WhenStale::Direct).await.unwrap();
    server.kill();
    let killed = Instant::now();
    eventually("stale views are refused", || async { refusing.contains(&1).is_err() && direct.len().is_err() }).await;
    assert!(killed.elapsed() < Duration::from_millis(1500), "{:?}", killed.elapsed());
    let stale = refusing.snapshot().unwrap_err();
    assert_eq!(stale.freshness.mode, Mode::Disconnected);
    assert!(stale.freshness.age >= Duration::from_millis(300), "{stale:?}");
    assert!(serving.contains(&1).unwrap(), "a view that is not too old is served");
    assert!(matches!(refusing.lookup(&1).await, Err(FastSetError::Stale(_))));
    assert_eq!(kind(&direct.lookup(&1).await.unwrap_err()), Some(BackendErrorKind::Unavailable));
    assert!(kind(&refusing.insert(2).await.unwrap_err()).is_some_and(|kind| kind.is_retryable()));
    eventually("served views grow too old", || async { serving.contains(&1).is_err() }).await;
    assert!(killed.elapsed() >= Duration::from_millis(1700), "{:?}", killed.elapsed());

    server.restart();
    Raw::to(&server).send("SADD s:value 5");
    for set in [&refusing, &serving, &direct] {
        shows(set, &[5]).await;
        eventually("changes are pushed again", || async { set.freshness().mode == Mode::Pushed }).await;
    }
}

#[actix::test]
async fn a_view_that_cannot_be_told_is_not_taken_for_fresh() {
    let server = RedisServer::start();
    let proxy = Proxy::to(&server);
    let backend = connect(&proxy.url()).await;
    let set = open(&backend, "s").await;
    set.insert(1).await.unwrap();
    // The connection on which changes are told falls silent, and nobody says so.
    proxy.rule(|command| (command.name == "PING").then_some(Fault::LoseReply));
    Raw::to(&server).send("SADD s:value 2");
    eventually("the view is refused, or shows it", || async {
        set.snapshot().map_or(true, |snapshot| snapshot.contains(&2))
    })
    .await;
    proxy.calm();
    shows(&set, &[1, 2]).await;
}

#[actix::test]
async fn a_write_whose_reply_is_lost_is_made_once_and_seen() {
    let server = RedisServer::start();
    let proxy = Proxy::to(&server);
    let backend = connect(&proxy.url()).await;
    let set = open(&backend, "s").await;
    for (number, fault) in
        [Fault::CutAfter, Fault::CutBefore, Fault::LoseReply, Fault::LoseRequest].into_iter().enumerate()
    {
        let number = u32::try_from(number).unwrap();
        let mut is_first = true;
        proxy.rule(move |command| (command.name == "change_set" && std::mem::take(&mut is_first)).then_some(fault));
        assert!(set.insert(number).await.unwrap(), "{fault:?}: it is new, though the answer came late");
        assert_eq!(proxy.calm(), 1, "{fault:?}");
        assert!(set.contains(&number).unwrap(), "{fault:?}");
        assert_eq!(set.freshness().version, u64::from(number) + 1, "{fault:?}");
        let taken = if number == 0 { None } else { set.take(&(number - 1)).await.unwrap() };
        assert_eq!(taken.is_some(), number > 0);
        set.extend(number.checked_sub(1)).await.unwrap();
        Raw::to(&server).send(&format!("SET s:version {}", number + 1));
        set.refresh().await.unwrap();
    }
}

#[actix::test]
async fn views_come_back_after_every_kind_of_cut() {
    let server = RedisServer::start();
    let proxy = Proxy::to(&server);
    let (stormy, calm) = (connect(&proxy.url()).await, connect(&server.url()).await);
    let (set, writer) = (open(&stormy, "s").await, open(&calm, "s").await);
    for number in 0..20_u32 {
        let fault = [Fault::CutBefore, Fault::CutAfter, Fault::LoseReply][number as usize % 3];
        let mut is_first = true;
        proxy.rule(move |command| {
            let hits = ["set_state", "PING"][number as usize % 2];
            (command.name == hits && std::mem::take(&mut is_first)).then_some(fault)
        });
        writer.insert(number).await.unwrap();
        shows(&set, &(0..=number).collect::<Vec<_>>()).await;
    }
}
