//! Reads of a set that others change: FastSet, beside caches that do and do not follow the server.
//!
//! `moka` is a cache of this process alone: it follows nobody, and is the yardstick for a hit. The redis crate's own cache
//! (`cache-aio`) and that of rustis keep replies and drop them when the server says so; a read is a future.

use std::{hint::black_box, io, time::Duration};

use redis::{Client, ProtocolVersion, aio::MultiplexedConnection, caching::CacheConfig, cmd};
use redis_ext::{FastSet, RedisBackend};
use redis_ext_benches::{Contest, Options, Report, Sample, Stopwatch};
use redis_ext_tests::RedisServer;

const MEMBERS: usize = 1000;

fn main() -> io::Result<()> {
    let options = Options::parse();
    let (server, system) = (RedisServer::start(), actix::System::new());
    let values: Vec<_> = (0..MEMBERS).map(|number| format!("member {number}")).collect();
    let (set, cached, bare) = system.block_on(async {
        let backend = RedisBackend::connect(&server.url()).await.expect("the server takes connections");
        let set = FastSet::<String>::builder(backend, "set").open().await.expect("the set can be loaded");
        set.extend(values.clone()).await.expect("the set can be written");
        (set, connect(&server, true).await, connect(&server, false).await)
    });
    let moka = moka::sync::Cache::new(10_000);
    values.iter().for_each(|value| moka.insert(value.clone(), ()));

    let ask = |connection: &MultiplexedConnection, time: Duration| {
        system.block_on(async {
            let mut connection = connection.clone();
            let watch = Stopwatch::start(&server);
            let mut done = 0;
            while watch.elapsed() < time {
                for value in values.iter().take(100) {
                    let question = cmd("SISMEMBER").arg("set:value").arg(format!("\"{value}\"")).to_owned();
                    let is_member: bool = question.query_async(&mut connection).await.expect("the server answers");
                    assert!(is_member);
                    done += 1;
                }
            }
            watch.stop(done)
        })
    };
    // On a thread of its own, as the set's owner must not be kept from its work.
    let read = |time: Duration, read: &(dyn Fn(&str) -> bool + Sync)| -> Sample {
        std::thread::scope(|scope| {
            let (server, values) = (&server, &values);
            let reading = scope.spawn(move || {
                let watch = Stopwatch::start(server);
                let mut done = 0;
                while watch.elapsed() < time {
                    for value in values {
                        black_box(read(black_box(value)));
                    }
                    done += MEMBERS as u64;
                }
                watch.stop(done)
            });
            system.block_on(async {
                while !reading.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            reading.join().expect("reading goes well")
        })
    };
    let rustis = system.block_on(async {
        let client = rustis::client::Client::connect(server.url()).await.expect("the server takes connections");
        let options = rustis::commands::ClientTrackingOptions::default();
        rustis::cache::Cache::new(client, 3600, options).await.expect("the server tells of changes")
    });
    let ask_rustis = |time: Duration| {
        system.block_on(async {
            let watch = Stopwatch::start(&server);
            let mut done = 0;
            while watch.elapsed() < time {
                for value in values.iter().take(100) {
                    let member = format!("\"{value}\"");
                    assert!(rustis.sismember("set:value", member).await.expect("the server answers"));
                    done += 1;
                }
            }
            watch.stop(done)
        })
    };
    let mut report = Report::new("caches", options.clone());
    report.add(
        Contest::new("is it a member? (it is)", "reads")
            .contestant("FastSet::contains", |time| {
                read(time, &|value| set.contains(value).expect("the view is fresh"))
            })
            .contestant("moka, sync get", |time| read(time, &|value| moka.get(value).is_some()))
            .contestant("redis cache-aio, SISMEMBER", |time| ask(&cached, time))
            .contestant("rustis client-cache, SISMEMBER", ask_rustis)
            .contestant("SISMEMBER", |time| ask(&bare, time))
            .hold(&options),
    );
    report.finish()
}

async fn connect(server: &RedisServer, is_cached: bool) -> MultiplexedConnection {
    let info: redis::ConnectionInfo =
        redis::IntoConnectionInfo::into_connection_info(server.url()).expect("a URL of Redis");
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(info.set_redis_settings(redis)).expect("a URL of Redis");
    let config = redis::AsyncConnectionConfig::new();
    let config = if is_cached { config.set_cache_config(CacheConfig::new()) } else { config };
    client.get_multiplexed_async_connection_with_config(&config).await.expect("the server takes connections")
}
