//! The cached set: reads beside asking the server, writes, how soon others see a change, loads, and what a change of one
//! member in a large set costs on the wire.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use actix::SystemRunner;
use redis::{Client, aio::MultiplexedConnection, cmd};
use redis_ext::{
    FastSet, RedisBackend, SetName,
    backend::{SetBackend as _, SetChange, SetChanged, SetEdit},
};
use redis_ext_benches::{Contest, Latencies, Options, Outcome, Report, Sample, Stopwatch};
use redis_ext_tests::RedisServer;

/// How many members the set of the reads has.
const MEMBERS: u32 = 1000;

/// How many reads are made between two looks at the clock.
const BURST: u64 = 1000;

/// How many write at once.
const WRITERS: u32 = 32;

fn main() -> io::Result<()> {
    let options = Options::parse();
    let bench = Bench { server: RedisServer::start(), system: actix::System::new() };
    // First, as what others have freed would be used again and not count.
    let memory = bench.memory(if options.is_quick() { 10_000 } else { 1_000_000 });
    let mut report = Report::new("fast_set", options.clone());
    report.add(bench.reads(&options));
    report.add(bench.writes(&options));
    report.add(bench.visibility(&options));
    for members in if options.is_quick() { vec![1_000, 10_000] } else { vec![1_000, 100_000, 1_000_000] } {
        report.add(bench.loads(members, &options));
    }
    let wire = bench.wire(if options.is_quick() { 10_000 } else { 1_000_000 });
    report.fact("bytes on the wire", wire).fact("bytes of memory", memory).finish()
}

struct Bench {
    server: RedisServer,
    system: SystemRunner,
}

impl Bench {
    async fn backend(&self) -> RedisBackend {
        RedisBackend::connect(&self.server.url()).await.expect("the server takes connections")
    }

    async fn open(&self, name: &str) -> FastSet<String> {
        FastSet::builder(self.backend().await, name).open().await.expect("the set can be loaded")
    }

    async fn filled(&self, name: &str, members: u32) -> FastSet<String> {
        let set = self.open(name).await;
        set.replace((0..members).map(member)).await.expect("the set can be written");
        set
    }

    async fn connection(&self) -> MultiplexedConnection {
        let client = Client::open(self.server.url()).expect("the URL is one of Redis");
        client.get_multiplexed_async_connection().await.expect("the server takes connections")
    }

    fn reads(&self, options: &Options) -> Outcome {
        let set = self.system.block_on(self.filled("reads", MEMBERS));
        let snapshot = set.snapshot().expect("the view is fresh");
        let hits: Vec<_> = (0..MEMBERS).map(member).collect();
        let misses: Vec<_> = (MEMBERS..2 * MEMBERS).map(member).collect();
        Contest::new("is it a member?", "reads")
            .contestant("contains, a member", |time| {
                self.read(time, &hits, |value| set.contains(value).expect("the view is fresh"))
            })
            .contestant("contains, no member", |time| {
                self.read(time, &misses, |value| set.contains(value).expect("the view is fresh"))
            })
            .contestant("contains of one snapshot", |time| self.read(time, &hits, |value| snapshot.contains(value)))
            .contestant("SISMEMBER, awaiting each", |time| self.ask(time, &hits))
            .hold(options)
    }

    /// Reads on a thread of its own, as the set's owner must not be kept from its work.
    fn read(&self, time: Duration, values: &[String], read: impl Fn(&str) -> bool + Sync) -> Sample {
        let server = &self.server;
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let watch = Stopwatch::start(server);
                let mut done = 0;
                while watch.elapsed() < time {
                    for value in values.iter().cycle().take(BURST as usize) {
                        black_box(read(black_box(value)));
                    }
                    done += BURST;
                }
                watch.stop(done)
            });
            self.system.block_on(async {
                while !reading.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            reading.join().expect("reading goes well")
        })
    }

    fn ask(&self, time: Duration, values: &[String]) -> Sample {
        self.system.block_on(async {
            let mut connection = self.connection().await;
            let watch = Stopwatch::start(&self.server);
            let mut done = 0;
            while watch.elapsed() < time {
                let value = format!("\"{}\"", values[usize::try_from(done).unwrap_or(0) % values.len()]);
                let question = cmd("SISMEMBER").arg("reads:value").arg(value).to_owned();
                let _: bool = question.query_async(&mut connection).await.expect("the server answers");
                done += 1;
            }
            watch.stop(done)
        })
    }

    fn writes(&self, options: &Options) -> Outcome {
        let set = self.system.block_on(self.filled("writes", MEMBERS));
        Contest::new("writing, seen on return", "writes")
            .contestant("insert and remove, awaiting each", |time| self.write(time, &set, 1))
            .contestant(format!("the same, {WRITERS} callers at once"), |time| self.write(time, &set, WRITERS))
            .contestant("SADD and SREM, awaiting each", |time| self.bare_writes(time))
            .hold(options)
    }

    fn write(&self, time: Duration, set: &FastSet<String>, writers: u32) -> Sample {
        self.system.block_on(async {
            let watch = Stopwatch::start(&self.server);
            let writing = (0..writers).map(|writer| {
                let watch = &watch;
                async move {
                    let (value, mut done) = (format!("writer {writer}"), 0);
                    while watch.elapsed() < time {
                        set.insert(value.clone()).await.expect("the set can be written");
                        set.remove(&value).await.expect("the set can be written");
                        done += 2;
                    }
                    done
                }
            });
            let done: u64 = futures_util::future::join_all(writing).await.into_iter().sum();
            watch.stop(done)
        })
    }

    fn bare_writes(&self, time: Duration) -> Sample {
        self.system.block_on(async {
            let mut connection = self.connection().await;
            let watch = Stopwatch::start(&self.server);
            let mut done = 0;
            while watch.elapsed() < time {
                for command in ["SADD", "SREM"] {
                    let write = cmd(command).arg("bare").arg("\"writer\"").to_owned();
                    write.exec_async(&mut connection).await.expect("the server takes it");
                }
                done += 2;
            }
            watch.stop(done)
        })
    }

    /// From the moment when the server has a change to the moment when another process's handle would show it; the
    /// reader polls its view without a pause, on a thread of its own.
    fn visibility(&self, options: &Options) -> Outcome {
        let writer = self.system.block_on(self.filled("visible", MEMBERS));
        // The reader's owner has a System of its own, as in another process.
        let (opened, handle) = std::sync::mpsc::channel();
        let url = self.server.url();
        std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let backend = RedisBackend::connect(&url).await.expect("the server takes connections");
                let set = FastSet::<String>::builder(backend, "visible").open().await.expect("the set can be loaded");
                let _ = opened.send(set);
                std::future::pending::<()>().await;
            });
        });
        let reader = handle.recv().expect("the set is opened");
        Contest::new("from a write to the view of another process", "changes")
            .contestant("insert or remove, until contains says so", |time| self.see(time, &writer, &reader))
            .hold(options)
    }

    fn see(&self, time: Duration, writer: &FastSet<String>, reader: &FastSet<String>) -> Sample {
        self.system.block_on(async {
            let watch = Stopwatch::start(&self.server);
            let mut latencies = Latencies::new();
            let mut done = 0;
            while watch.elapsed() < time {
                let is_member = done % 2 == 0;
                let reader = reader.clone();
                let seeing = tokio::task::spawn_blocking(move || {
                    while reader.contains("news").expect("the view is fresh") != is_member {
                        std::thread::yield_now();
                    }
                    Instant::now()
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
                let written = Instant::now();
                if is_member {
                    writer.insert("news".to_owned()).await.expect("the set can be written");
                } else {
                    writer.remove("news").await.expect("the set can be written");
                }
                latencies.record(seeing.await.expect("seeing goes well").saturating_duration_since(written));
                done += 1;
            }
            watch.stop(done).with_latencies(&latencies)
        })
    }

    fn loads(&self, members: u32, options: &Options) -> Outcome {
        let name = format!("load {members}");
        let writer = self.system.block_on(self.filled(&name, members));
        let backend = self.system.block_on(self.backend());
        let outcome = Contest::new(format!("loading a set of {members}"), "members")
            .contestant("open", |time| {
                self.system.block_on(async {
                    let watch = Stopwatch::start(&self.server);
                    let mut done = 0;
                    while watch.elapsed() < time {
                        let set = FastSet::<String>::builder(backend.clone(), &name).open().await;
                        let set = set.expect("the set can be loaded");
                        assert_eq!(set.len().expect("the view is fresh"), members as usize);
                        done += u64::from(members);
                    }
                    watch.stop(done)
                })
            })
            .hold(options);
        drop(writer);
        outcome
    }

    /// What the server sends and gets for a load of a set, and for one change of it, with one view that follows and
    /// with two.
    fn wire(&self, members: u32) -> String {
        self.system.block_on(async {
            let writer = self.backend().await;
            let set = "wire".parse().expect("a set may have this name");
            drop(self.filled("wire", members).await);
            let mut connection = self.connection().await;
            let before = traffic(&mut connection).await;
            let mut views = vec![self.open("wire").await];
            let load = traffic(&mut connection).await - before;
            let one = self.wire_of_a_change(&writer, &set, &views, &mut connection).await;
            views.push(self.open("wire").await);
            let two = self.wire_of_a_change(&writer, &set, &views, &mut connection).await;
            format!(
                "both ways, of a set of {members}: {load} for a load, {one} for a change and a view that follows, {} for \
                 each further view",
                two.saturating_sub(one)
            )
        })
    }

    /// What a view takes of this process's memory, as the system tells.
    fn memory(&self, members: u32) -> String {
        self.system.block_on(async {
            // The server makes the members by itself: what this process has freed would be used again and not count.
            let make =
                "for number = ARGV[1], ARGV[2] - 1 do redis.call('SADD', KEYS[1], '\"member ' .. number .. '\"') end";
            let mut connection = self.connection().await;
            for from in (0..members).step_by(10_000) {
                let (to, mut make_some) = (members.min(from + 10_000), cmd("EVAL"));
                make_some.arg(make).arg(1).arg("memory:value").arg(from).arg(to);
                make_some.exec_async(&mut connection).await.expect("the server makes the members");
            }
            let before = resident_bytes();
            let view = self.open("memory").await;
            let bytes = resident_bytes().saturating_sub(before);
            let len = view.len().expect("the view is fresh") as u64;
            let text = member(members - 1).len();
            format!("{} for each of {len} members, texts of up to {text} bytes", bytes / len)
        })
    }

    async fn wire_of_a_change(
        &self,
        writer: &RedisBackend,
        set: &SetName,
        views: &[FastSet<String>],
        connection: &mut MultiplexedConnection,
    ) -> u64 {
        let mut costs = Vec::new();
        for number in 0..21 {
            let asking = traffic(connection).await;
            let before = traffic(connection).await;
            let add = vec![format!("\"news {number} of {}\"", views.len()).into_bytes()];
            let change = SetChange::new(SetEdit::Apply { remove: Vec::new(), add });
            let changed = writer.change_set(set, &change).await.expect("the set can be written");
            let SetChanged::Changed(delta) = changed else { panic!("the member is new") };
            while views.iter().any(|view| view.freshness().version < delta.after.version) {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            // What it takes to ask is counted in, too.
            costs.push((traffic(connection).await - before).saturating_sub(before - asking));
        }
        costs.sort_unstable();
        costs[costs.len() / 2]
    }
}

/// What the process holds in memory; nothing where the system does not tell.
fn resident_bytes() -> u64 {
    const PAGE: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|pages| pages.split(' ').nth(1)?.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

fn member(number: u32) -> String {
    format!("member {number}")
}

/// The bytes that the server has sent and got so far.
async fn traffic(connection: &mut MultiplexedConnection) -> u64 {
    let info: String = cmd("INFO").arg("stats").query_async(connection).await.expect("the server answers");
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse::<u64>().ok());
    let (sent, got) = (field("total_net_output_bytes"), field("total_net_input_bytes"));
    sent.zip(got).map(|(sent, got)| sent + got).expect("the server counts")
}
