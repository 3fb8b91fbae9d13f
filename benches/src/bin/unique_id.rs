//! Unique IDs: of new and of known keys, for few and many callers, in batches, and fresh ones in bulk, beside bare commands
//! of Redis, which promise less, and the Python package.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{
    cell::Cell,
    io,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use actix::SystemRunner;
use redis::{Client, Cmd, aio::MultiplexedConnection, cmd};
use redis_ext::{IdClass, RedisBackend, UniqueId};
use redis_ext_benches::{Contest, Options, Outcome, Report, Sample, Stopwatch};
use redis_ext_tests::{Python, RedisServer};

/// How many keys there are where they are known.
const KNOWN: u64 = 10_000;

/// What a mapping lives by default, for the commands that set it by hand.
const AN_HOUR: u64 = 3600;

/// How many IDs a thread takes before it looks at the time.
const STRETCH: u64 = 1000;

fn main() -> io::Result<()> {
    let options = Options::parse();
    let bench = Bench::new();
    let mut report = Report::new("unique_id", options.clone());
    for callers in [1, 64, 1000] {
        for keys in [Keys::New, Keys::Known] {
            report.add(bench.callers(callers, keys, &options));
        }
    }
    for size in [16, 64, 512] {
        report.add(bench.batches(size, &options));
    }
    report.add(bench.bulk(&options));
    report.finish()
}

/// Which keys are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    New,
    Known,
}

impl Keys {
    fn key(self, caller: u64, number: u64) -> String {
        match self {
            Self::New => format!("{caller}-{number}"),
            Self::Known => ((caller * 7919 + number) % KNOWN).to_string(),
        }
    }
}

/// A server, and a System to talk to it from.
struct Bench {
    server: RedisServer,
    system: SystemRunner,
    backend: RedisBackend,
    plain: MultiplexedConnection,
}

impl Bench {
    fn new() -> Self {
        let (server, system) = (RedisServer::start(), actix::System::new());
        let backend = system.block_on(RedisBackend::connect(&server.url())).expect("the server takes connections");
        let client = Client::open(server.url()).expect("the URL is one of Redis");
        let plain = system.block_on(client.get_multiplexed_async_connection());
        Self { server, system, backend, plain: plain.expect("the server takes connections") }
    }

    fn callers(&self, callers: u64, keys: Keys, options: &Options) -> Outcome {
        let adjective = if keys == Keys::New { "new" } else { "known" };
        let mut contest = Contest::new(format!("IDs of {adjective} keys, callers: {callers}"), "IDs")
            .contestant("get_or_create", |time| self.get_or_create(callers, keys, time, false))
            .contestant("get_or_create with the way back", |time| self.get_or_create(callers, keys, time, true))
            .contestant("INCR, no keys at all", |time| {
                self.command(callers, time, |_, _| cmd("INCR").arg("n").to_owned())
            })
            .contestant("SET NX GET of an ID at hand", |time| {
                self.command(callers, time, move |caller, number| {
                    let key = keys.key(caller, number);
                    cmd("SET").arg(key).arg(number).arg("NX").arg("GET").arg("EX").arg(AN_HOUR).to_owned()
                })
            });
        if callers < 1000 {
            contest = contest.contestant("Python's UniqueId", |time| self.python(callers, keys, time));
        }
        contest.hold(options)
    }

    fn batches(&self, size: u64, options: &Options) -> Outcome {
        let run = |keys: Keys, time| {
            let ids = self.fresh(keys, false);
            self.system.block_on(async {
                let watch = Stopwatch::start(&self.server);
                let mut done = 0;
                while watch.elapsed() < time {
                    let batch = (done..done + size).map(|number| keys.key(0, number));
                    let got = ids.get_or_create_many(batch).await.expect("the server answers");
                    done += got.len() as u64;
                }
                watch.stop(done)
            })
        };
        Contest::new(format!("get_or_create_many of {size} keys, one caller"), "IDs")
            .contestant("new keys", |time| run(Keys::New, time))
            .contestant("known keys", |time| run(Keys::Known, time))
            .hold(options)
    }

    fn bulk(&self, options: &Options) -> Outcome {
        Contest::new("fresh IDs", "IDs")
            .contestant("next_id, one thread", |time| self.next_id(1, time))
            .contestant("next_id, two threads", |time| self.next_id(2, time))
            .contestant("INCR, 64 callers", |time| self.command(64, time, |_, _| cmd("INCR").arg("n").to_owned()))
            .hold(options)
    }

    /// An empty server, and a handle of a class that no earlier run has seen.
    fn fresh(&self, keys: Keys, reverse: bool) -> UniqueId {
        static CLASSES: AtomicU64 = AtomicU64::new(0);
        let class =
            IdClass::new(format!("class-{}", CLASSES.fetch_add(1, Relaxed))).expect("the name is one of a class");
        self.system.block_on(async {
            let mut plain = self.plain.clone();
            cmd("FLUSHALL").exec_async(&mut plain).await.expect("the server does as it is told");
            let builder = UniqueId::builder(self.backend.clone(), class);
            let ids = if reverse { builder.reverse() } else { builder }.start().expect("there is an arbiter");
            if keys == Keys::Known {
                let known = (0..KNOWN).map(|number| number.to_string());
                ids.get_or_create_many(known).await.expect("the server answers");
            }
            ids
        })
    }

    fn get_or_create(&self, callers: u64, keys: Keys, time: Duration, reverse: bool) -> Sample {
        let ids = self.fresh(keys, reverse);
        self.crowd(callers, time, move |caller, number| {
            let ids = ids.clone();
            async move {
                ids.get_or_create(&keys.key(caller, number)).await.expect("the server answers");
            }
        })
    }

    fn command(&self, callers: u64, time: Duration, command: impl Fn(u64, u64) -> Cmd + Clone + 'static) -> Sample {
        self.fresh(Keys::New, false);
        let plain = self.plain.clone();
        self.crowd(callers, time, move |caller, number| {
            let (command, mut plain) = (command(caller, number), plain.clone());
            async move { command.exec_async(&mut plain).await.expect("the server does as it is told") }
        })
    }

    /// So many callers call one after the other, each on its own.
    fn crowd<F: Future<Output = ()>>(
        &self,
        callers: u64,
        time: Duration,
        call: impl Fn(u64, u64) -> F + Clone + 'static,
    ) -> Sample {
        self.system.block_on(async {
            let watch = Rc::new(Stopwatch::start(&self.server));
            let done = Rc::new(Cell::new(0));
            let callers = (0..callers).map(|caller| {
                let (watch, done, call) = (watch.clone(), done.clone(), call.clone());
                actix::spawn(async move {
                    let mut number = 0;
                    while watch.elapsed() < time {
                        call(caller, number).await;
                        number += 1;
                    }
                    done.set(done.get() + number);
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.await.expect("a caller comes to its end");
            }
            let watch = Rc::into_inner(watch).expect("all callers have ended");
            watch.stop(done.get())
        })
    }

    fn next_id(&self, threads: usize, time: Duration) -> Sample {
        let ids = self.fresh(Keys::New, false);
        self.system.block_on(async {
            let watch = Stopwatch::start(&self.server);
            let begun = std::time::Instant::now();
            let take = move |ids: UniqueId| async move {
                let (mut taken, mut last) = (0, 0);
                while begun.elapsed() < time {
                    for _ in 0..STRETCH {
                        let id = ids.next_id().await.expect("the server answers").get();
                        assert!(id > last, "IDs grow");
                        last = id;
                    }
                    taken += STRETCH;
                }
                taken
            };
            let threads: Vec<_> = (0..threads)
                .map(|_| {
                    let ids = ids.clone();
                    tokio::task::spawn_blocking(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                        runtime.expect("a runtime can be built").block_on(take(ids))
                    })
                })
                .collect();
            let mut done = 0;
            for thread in threads {
                done += thread.await.expect("a thread comes to its end");
            }
            watch.stop(done)
        })
    }

    fn python(&self, threads: u64, keys: Keys, time: Duration) -> Sample {
        let ids = self.fresh(keys, false);
        let known = if keys == Keys::New { 0 } else { KNOWN };
        let script = Python::script("time_get_or_create").arg(self.server.url()).arg(ids.class().as_str());
        let watch = Stopwatch::start(&self.server);
        let counted = script.arg(time.as_secs_f64().to_string()).arg(threads.to_string()).arg(known.to_string()).run();
        let sample = watch.stop(counted.trim().parse().expect("the script prints a number"));
        // The interpreter's start is no part of it, and its processor time is not this process's.
        Sample { elapsed: time, own_cpu: None, ..sample }
    }
}
