//! What the tests share: task types, a recipient that notes what it gets, and backends to run on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Context, Handler, ResponseFuture};
use redis_ext::{Backend, Fired, RedisBackend, RedisTask, TaskError, TaskId};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::RedisServer;

#[derive(Debug, Clone, PartialEq, Eq, RedisTask)]
pub(crate) struct Job {
    pub(crate) number: u32,
}

/// What a recipient got.
pub(crate) type Seen = Arc<Mutex<Vec<u32>>>;

/// Notes each job, waits for as long as it was told, and then answers as `judge` says.
pub(crate) struct Recipient {
    pub(crate) seen: Seen,
    pub(crate) busy: Duration,
    pub(crate) judge: fn(&Job, usize) -> Result<(), TaskError>,
}

impl Recipient {
    pub(crate) fn noting(seen: &Seen) -> Self {
        Self { seen: Arc::clone(seen), busy: Duration::ZERO, judge: |_, _| Ok(()) }
    }
}

impl Actor for Recipient {
    type Context = Context<Self>;
}

impl Handler<Fired<Job>> for Recipient {
    type Result = ResponseFuture<Result<(), TaskError>>;

    fn handle(&mut self, fired: Fired<Job>, _: &mut Context<Self>) -> Self::Result {
        let job = fired.into_inner();
        let time = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(job.number);
            seen.iter().filter(|number| **number == job.number).count()
        };
        let (busy, judge) = (self.busy, self.judge);
        Box::pin(async move {
            tokio::time::sleep(busy).await;
            judge(&job, time)
        })
    }
}

pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}", TaskId::random())
}

/// A System whose time passes by itself.
pub(crate) fn paused() -> actix::SystemRunner {
    actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    })
}

/// Runs a test on both backends: in memory with time that passes by itself, and on Redis.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(Arc<dyn Backend>) -> F) {
    paused().block_on(test(Arc::new(MemoryBackend::new())));
    actix::System::new().block_on(async {
        test(Arc::new(RedisBackend::connect(&RedisServer::shared().url()).await.unwrap())).await;
    });
}
