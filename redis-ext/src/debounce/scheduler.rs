//! The actor that keeps the tickers running, and knows when all have ended.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, Message};
use futures_util::FutureExt as _;

use super::{DebounceSchedulerBuilder, SchedulerOptions, dispatch::Dispatch, schedulers::Schedulers, ticker::Ticker};
use crate::{
    backend::{DebounceBackend, DebounceKey},
    worker::Shutdown,
};

/// A ticker that fell is started again after this long.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Dispatches what debouncers fire: sleeps until the next firing is due, claims what is, and brings it into a task queue or
/// to a recipient.
///
/// Any number of schedulers, in any number of processes, share the firings of a key; each firing goes to one of them. When
/// one dies, the others take over what it had claimed once its lease has expired. Into a queue each firing goes once, even
/// then; to a recipient it goes at least once.
///
/// # Examples
/// Into the type's queue, for a worker:
/// ```
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// #[redis_task(debounce = "50ms")]
/// struct Reindex { shard: u32 }
///
/// #[actix::main]
/// async fn main() -> Result<(), redis_ext::Error> {
///     let backend = MemoryBackend::new();
///     let scheduler = DebounceScheduler::builder(backend.clone()).task::<Reindex>().start()?;
///     for _ in 0..100 {
///         Reindex { shard: 7 }.debounce(&backend).await?;
///     }
///     scheduler.run_until_idle().await?;
///     assert_eq!(backend.queued_tasks::<Reindex>().len(), 1);
///     Ok(())
/// }
/// ```
/// To an actor:
/// ```
/// use std::time::Duration;
/// use redis_ext::{Debounce, Debouncer, Fired, prelude::*};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Save { document: String }
///
/// struct Disk;
///
/// impl Actor for Disk { type Context = Context<Self>; }
///
/// impl Handler<Fired<Save>> for Disk {
///     type Result = Result<(), TaskError>;
///
///     fn handle(&mut self, save: Fired<Save>, _: &mut Context<Self>) -> Self::Result {
///         println!("saving {}", save.document);
///         Ok(())
///     }
/// }
///
/// #[actix::main]
/// async fn main() -> Result<(), redis_ext::Error> {
///     let backend = MemoryBackend::new();
///     let saves = Debouncer::new(backend.clone(), "saves", Debounce::trailing(Duration::from_millis(50)))?;
///     let scheduler =
///         DebounceScheduler::builder(backend).to_recipient(&saves, Disk.start().recipient()).start()?;
///     saves.schedule(&Save { document: "a".into() }).await?;
///     scheduler.run_until_idle().await
/// }
/// ```
pub struct DebounceScheduler {
    tickers: Vec<Arc<Ticker>>,
    running: usize,
    shutdown: Shutdown,
}

/// A ticker has ended: in order when the scheduler shuts down, otherwise by a fault in it.
struct TickerEnded {
    ticker: usize,
}

impl Message for TickerEnded {
    type Result = ();
}

impl DebounceScheduler {
    /// Starts to put a scheduler together.
    pub fn builder(backend: impl DebounceBackend) -> DebounceSchedulerBuilder {
        DebounceSchedulerBuilder::new(Arc::new(backend))
    }

    pub(super) fn start(
        options: SchedulerOptions,
        planned: Vec<(Arc<dyn DebounceBackend>, DebounceKey, Dispatch)>,
    ) -> Schedulers {
        let shutdown = Shutdown::default();
        let watched = planned.iter().map(|(backend, key, _)| (Arc::clone(backend), key.clone())).collect();
        let ticker =
            |(backend, key, dispatch)| Arc::new(Ticker { backend, key, dispatch, options, shutdown: shutdown.clone() });
        let tickers = planned.into_iter().map(ticker).collect();
        let schedulers = Schedulers::new(watched, options.hold.grace, shutdown.clone());
        Actor::start(Self { tickers, running: 0, shutdown });
        schedulers
    }

    fn start_ticker(&mut self, at: usize, ctx: &Context<Self>) {
        let (ticker, scheduler) = (Arc::clone(&self.tickers[at]), ctx.address());
        self.running += 1;
        actix::spawn(async move {
            if AssertUnwindSafe(ticker.run()).catch_unwind().await.is_err() {
                tracing::error!(key = %ticker.key, "a ticker panicked, which is a fault in redis-ext: please report it");
            }
            scheduler.do_send(TickerEnded { ticker: at });
        });
    }
}

impl Actor for DebounceScheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for at in 0..self.tickers.len() {
            self.start_ticker(at, ctx);
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.shutdown.close();
    }
}

impl Handler<TickerEnded> for DebounceScheduler {
    type Result = ();

    fn handle(&mut self, TickerEnded { ticker }: TickerEnded, ctx: &mut Self::Context) {
        self.running -= 1;
        if !self.shutdown.is_draining() {
            ctx.run_later(RESTART_AFTER, move |scheduler, ctx| scheduler.start_ticker(ticker, ctx));
        } else if self.running == 0 {
            ctx.stop();
        }
    }
}

impl fmt::Debug for DebounceScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.tickers.iter().map(|ticker| &ticker.key).collect();
        f.debug_struct("DebounceScheduler").field("keys", &keys).field("running", &self.running).finish_non_exhaustive()
    }
}
