//! What others do to the set, who know nothing of views: it is seen, without being asked for.

use futures_util::StreamExt as _;
use redis_ext::fast_set::Mode;

use super::*;

#[actix::test]
async fn what_another_handle_writes_is_seen() {
    let server = RedisServer::start();
    let (here, there) = (connect(&server.url()).await, connect(&server.url()).await);
    let (here, there) = (open(&here, "s").await, open(&there, "s").await);
    assert_eq!(here.freshness().mode, Mode::Pushed);
    there.insert(1).await.unwrap();
    shows(&here, &[1]).await;
    there.extend(0..2000).await.unwrap();
    shows(&here, &(0..2000).collect::<Vec<_>>()).await;
    there.remove(&7).await.unwrap();
    here.remove(&8).await.unwrap();
    let left: Vec<_> = (0..2000).filter(|number| *number != 7 && *number != 8).collect();
    shows(&here, &left).await;
    shows(&there, &left).await;
    there.clear().await.unwrap();
    shows(&here, &[]).await;
    assert_eq!(here.freshness().version, 5);
}

#[actix::test]
async fn a_program_that_keeps_to_the_version_and_keeps_no_log_is_seen() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let set = open(&connect(&server.url()).await, "s").await;
    set.insert(1).await.unwrap();
    for (command, members) in
        [("SADD s:value 2", &[1, 2][..]), ("SREM s:value 1", &[2]), ("SADD s:value 3", &[2, 3]), ("DEL s:value", &[])]
    {
        assert_eq!(raw.send("MULTI"), "+OK");
        assert_eq!(raw.send(command), "+QUEUED");
        assert_eq!(raw.send("INCR s:version"), "+QUEUED");
        assert_eq!(raw.send("EXEC"), "*2");
        let replies = (raw.line(), raw.line());
        shows(&set, members).await;
        assert_eq!(replies.1, format!(":{}", set.freshness().version));
    }
    set.insert(9).await.unwrap();
    shows(&set, &[9]).await;
}

#[actix::test]
async fn changes_without_a_version_are_seen() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let backend = connect(&server.url()).await;
    let set = open(&backend, "s").await;
    set.insert(1).await.unwrap();
    raw.send("SADD s:value 2");
    shows(&set, &[1, 2]).await;
    raw.send("SREM s:value 1");
    shows(&set, &[2]).await;
    // As many as before: only that something was touched tells.
    raw.send("EVAL \"redis.call('SADD', KEYS[1], 5) redis.call('SREM', KEYS[1], 2)\" 1 s:value");
    shows(&set, &[5]).await;
    raw.send("DEL s:value");
    shows(&set, &[]).await;
    set.insert(1).await.unwrap();
    raw.send("PEXPIRE s:value 30");
    shows(&set, &[]).await;
    set.insert(1).await.unwrap();
    raw.send("RENAME s:value elsewhere");
    shows(&set, &[]).await;
    raw.send("COPY elsewhere s:value");
    shows(&set, &[1]).await;
    assert_eq!(set.freshness().version, 3);
}

#[actix::test]
async fn a_reset_store_is_seen_and_the_version_begins_anew() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let backend = connect(&server.url()).await;
    for reset in ["FLUSHALL", "FLUSHDB ASYNC", "DEL s:value s:version s:log", "DEL s:version s:value"] {
        let set = open(&backend, "s").await;
        for number in 0..5 {
            set.insert(number).await.unwrap();
        }
        raw.send(reset);
        shows(&set, &[]).await;
        assert_eq!(set.freshness().version, 0, "{reset}");
        set.insert(7).await.unwrap();
        assert!(set.contains(&7).unwrap() && set.freshness().version == 1, "{reset}");
        raw.send("FLUSHALL");
    }
}

#[actix::test]
async fn a_lost_version_is_a_reset_of_the_version_alone() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    let backend = connect(&server.url()).await;
    let (set, other) = (open(&backend, "s").await, open(&backend, "s").await);
    set.extend([1, 2, 3]).await.unwrap();
    set.insert(4).await.unwrap();
    raw.send("DEL s:version");
    set.insert(5).await.unwrap();
    for set in [&set, &other] {
        shows(set, &[1, 2, 3, 4, 5]).await;
        assert_eq!(set.freshness().version, 1);
    }
    set.insert(6).await.unwrap();
    shows(&other, &[1, 2, 3, 4, 5, 6]).await;
}

#[actix::test]
async fn two_handles_at_odds_never_show_a_version_that_goes_back() {
    let server = RedisServer::start();
    let (here, there) = (connect(&server.url()).await, connect(&server.url()).await);
    let (here, there) = (open(&here, "s").await, open(&there, "s").await);
    let write = |set: FastSet<u32>, first: u32| async move {
        let mut last = 0;
        for number in 0..200 {
            set.insert(first + number).await.unwrap();
            let snapshot = set.snapshot().unwrap();
            assert!(snapshot.contains(&(first + number)), "a write of one's own is seen");
            assert!(snapshot.version() >= last);
            last = snapshot.version();
        }
    };
    tokio::join!(write(here.clone(), 0), write(there.clone(), 1000), write(here.clone(), 2000));
    for set in [here, there] {
        eventually("all is seen", || async { set.freshness().version == 600 }).await;
        assert_eq!(set.len().unwrap(), 600);
    }
}

#[actix::test]
async fn pops_from_everywhere_give_each_member_once() {
    let server = RedisServer::start();
    let backend = connect(&server.url()).await;
    let first = open(&backend, "s").await;
    first.extend(0..300).await.unwrap();
    let mut poppers = Vec::new();
    for _ in 0..4 {
        let set = open(&connect(&server.url()).await, "s").await;
        poppers.push(async move {
            let mut popped = Vec::new();
            while let Some(member) = set.pop().await.unwrap() {
                popped.push(*member);
            }
            popped
        });
    }
    let mut popped: Vec<u32> = futures_util::future::join_all(poppers).await.concat();
    popped.sort_unstable();
    assert_eq!(popped, (0..300).collect::<Vec<_>>());
    shows(&first, &[]).await;
}

#[actix::test]
async fn what_does_not_decode_is_counted_and_stays() {
    let server = RedisServer::start();
    let mut raw = Raw::to(&server);
    raw.send("SADD s:value 1 nonsense \"\\\"text\\\"\" -7");
    let set = open(&connect(&server.url()).await, "s").await;
    assert_eq!((set.len().unwrap(), set.snapshot().unwrap().undecodable()), (1, 3));
    assert_eq!(set.pop().await.unwrap().as_deref(), Some(&1));
    assert_eq!(set.pop().await.unwrap(), None);
    set.insert(2).await.unwrap();
    assert_eq!(raw.send("SCARD s:value"), ":4");
    raw.send("SREM s:value -7");
    eventually("one is gone", || async { set.snapshot().unwrap().undecodable() == 2 }).await;
    shows(&set, &[2]).await;
}

#[actix::test]
async fn a_large_set_is_loaded_in_parts_while_others_write_to_it() {
    let server = RedisServer::start();
    let backend = connect(&server.url()).await;
    let writer = open(&backend, "s").await;
    writer.extend(0..50_000).await.unwrap();
    let writing = async {
        for number in 0..300 {
            writer.remove(&(number * 3)).await.unwrap();
            writer.insert(100_000 + number).await.unwrap();
        }
    };
    let loading = async {
        for _ in 0..3 {
            let set = open(&connect(&server.url()).await, "s").await;
            let snapshot = set.snapshot().unwrap();
            // Each pair of writes after the first leaves the count as it was.
            assert!((49_999..=50_000).contains(&snapshot.len()), "{} at {}", snapshot.len(), snapshot.version());
        }
    };
    tokio::join!(writing, loading);
    let set = open(&connect(&server.url()).await, "s").await;
    assert!(set.is_equal(&writer.snapshot().unwrap()).unwrap());
    assert_eq!(set.freshness().version, 601);
}

#[actix::test]
async fn the_owner_ends_with_the_last_handle() {
    let server = RedisServer::start();
    let set = open(&connect(&server.url()).await, "s").await;
    let mut changes = set.clone().changes();
    set.insert(1).await.unwrap();
    assert_eq!(changes.next().await.unwrap().added.len(), 1);
    drop(set);
    let end = tokio::time::timeout(Duration::from_secs(5), changes.next()).await;
    assert!(end.unwrap().is_none(), "the changes end with the owner");
}

#[actix::test]
async fn a_slow_reader_of_changes_misses_nothing() {
    let server = RedisServer::start();
    let (here, there) = (connect(&server.url()).await, connect(&server.url()).await);
    let (here, there) = (open(&here, "s").await, open(&there, "s").await);
    let mut changes = here.changes();
    for number in 0..600 {
        there.insert(number).await.unwrap();
        if number % 3 == 0 {
            there.remove(&(number / 2)).await.unwrap();
        }
    }
    let (mut added_up, mut last) = (BTreeSet::new(), 0);
    while last < there.freshness().version {
        let change = changes.next().await.unwrap();
        assert!(change.snapshot.version() > last, "in the order of the versions");
        last = change.snapshot.version();
        added_up.retain(|number| !change.removed.iter().any(|gone| **gone == *number));
        assert!(change.added.iter().all(|number| added_up.insert(**number)), "what came was not there");
    }
    assert_eq!(added_up, there.snapshot().unwrap().iter().copied().collect());
}
