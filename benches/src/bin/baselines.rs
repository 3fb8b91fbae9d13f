//! What bare Redis gives on this machine, through the same client and without any promise: the yardsticks for the rest.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{
    io,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, aio::MultiplexedConnection, cmd};
use redis_ext_benches::{Contest, Latencies, Options, Outcome, Report, Sample, Stopwatch};
use redis_ext_tests::RedisServer;
use tokio::runtime::Runtime;

/// How many commands or items go in one round trip.
const BATCH: usize = 100;

/// As long as the body of a small task.
const BODY: [u8; 80] = [b'x'; 80];

/// How long everything is still before each wake-up.
const REST: Duration = Duration::from_millis(1);

fn main() -> io::Result<()> {
    let options = Options::parse();
    let bench = Bench::new();
    let mut report = Report::new("baselines", options.clone());
    report.add(bench.list(&options));
    report.add(bench.counter(&options));
    report.add(bench.wake_up(&options));
    report.finish()
}

/// A server, and a thread to talk to it from.
struct Bench {
    server: RedisServer,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { server: RedisServer::start(), runtime: runtime.expect("a runtime can be built") }
    }

    async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(self.server.url()).expect("the URL is one of Redis");
        // The default limit would break off commands that block.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
        connection.expect("the server takes connections")
    }

    fn list(&self, options: &Options) -> Outcome {
        let one_each = [cmd("RPUSH").arg("list").arg(&BODY), cmd("LPOP").arg("list")].map(|one| repeated(one, BATCH));
        let push = cmd("RPUSH").arg("list").arg(vec![&BODY[..]; BATCH]).to_owned();
        let at_once = [push, cmd("LPOP").arg("list").arg(BATCH).to_owned()].map(|all| repeated(&all, 1));
        Contest::new("items through a list", "items")
            .contestant(format!("RPUSH, then LPOP, {BATCH} a pipeline"), |time| self.repeat(&one_each, BATCH, time))
            .contestant(format!("RPUSH, then LPOP of {BATCH}"), |time| self.repeat(&at_once, BATCH, time))
            .hold(options)
    }

    fn counter(&self, options: &Options) -> Outcome {
        let incr = cmd("INCR").arg("counter").to_owned();
        let (one, many) = ([repeated(&incr, 1)], [repeated(&incr, BATCH)]);
        Contest::new("counting", "numbers")
            .contestant("INCR, awaiting each", |time| self.repeat(&one, 1, time))
            .contestant(format!("INCR, {BATCH} a pipeline"), |time| self.repeat(&many, BATCH, time))
            .hold(options)
    }

    fn wake_up(&self, options: &Options) -> Outcome {
        let blmove = cmd("BLMOVE").arg("list").arg("taken").arg("LEFT").arg("RIGHT").arg(0).to_owned();
        let blpop = cmd("BLPOP").arg("list").arg(0).to_owned();
        Contest::new("from a push to who waits for it", "items")
            .contestant("BLMOVE", |time| self.wake(&blmove, time))
            .contestant("BLPOP", |time| self.wake(&blpop, time))
            .hold(options)
    }

    /// Sends the pipelines one after the other, again and again; together they do so many `operations`.
    fn repeat(&self, pipelines: &[Pipeline], operations: usize, time: Duration) -> Sample {
        self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let watch = Stopwatch::start(&self.server);
            let mut done = 0;
            while watch.elapsed() < time {
                for pipeline in pipelines {
                    pipeline.exec_async(&mut connection).await.expect("the server does as it is told");
                }
                done += operations as u64;
            }
            watch.stop(done)
        })
    }

    /// Pushes an item whenever `waiting` has been blocked for a while, and measures until that has the item.
    fn wake(&self, waiting: &Cmd, time: Duration) -> Sample {
        let push = cmd("RPUSH").arg("list").arg(&BODY).to_owned();
        self.runtime.block_on(async {
            let (mut waiter, mut pusher) = (self.connect().await, self.connect().await);
            let watch = Stopwatch::start(&self.server);
            let mut latencies = Latencies::new();
            let mut woken_up = 0;
            while watch.elapsed() < time {
                let woken = async {
                    waiting.exec_async(&mut waiter).await.expect("the item comes");
                    Instant::now()
                };
                let pushed = async {
                    tokio::time::sleep(REST).await;
                    let pushed = Instant::now();
                    push.exec_async(&mut pusher).await.expect("the server takes the item");
                    pushed
                };
                let (woken, pushed) = tokio::join!(woken, pushed);
                latencies.record(woken - pushed);
                woken_up += 1;
            }
            let sample = watch.stop(woken_up).with_latencies(&latencies);
            cmd("UNLINK").arg("taken").exec_async(&mut pusher).await.expect("the server takes what was moved away");
            sample
        })
    }
}

fn repeated(command: &Cmd, times: usize) -> Pipeline {
    let mut pipeline = redis::pipe();
    (0..times).for_each(|_| {
        pipeline.add_command(command.clone());
    });
    pipeline
}
