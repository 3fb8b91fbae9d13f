//! Waiting for a task: a blocking move on a connection of its own, with the claim right behind it.
//!
//! `BLMOVE` takes the next entry into the incarnation's landing list, and the claiming script, which stands in the
//! same request, runs on the server the moment the move ends: a push reaches the worker in one round trip, together
//! with whatever else was pushed by then, and nothing is ever in nobody's hands.
//!
//! A wait is a task of its own. So the replies are always read to their end, also when the caller has dropped its
//! future, and a connection is used again only when nothing is outstanding on it. Both live on the caller's runtime
//! rather than on the I/O thread, as a hop between threads would cost half as much again as the whole pickup; if the
//! runtime ends, the connection closes, and what it may have taken comes with the incarnation's next claim.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{RedisResult, Value, aio::MultiplexedConnection};
use tokio::{
    runtime::{self, Handle},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    claim::{Answer, add_claim_of_landed, answer, claim_request},
    keys::Keys,
    link::{Link, connect_blocking},
    scripts::{CLAIM_LANDED, Request, load},
};
use crate::backend::{BackendError, BackendErrorKind, Claim, ClaimedBatch, Lease, Operation};

/// The longest single block. A server whose client vanished without a word keeps blocking for so long.
const LONGEST_BLOCK: Duration = Duration::from_secs(2);
/// A block ends this long before the lease may, so that nothing is taken for an incarnation that is being recovered:
/// the server looks at its blocked clients ten times a second.
const LEASE_MARGIN: Duration = Duration::from_millis(250);
/// How long to sleep between looks at a queue on which blocking makes no sense: it is paused, or the server does not
/// let us block.
const NAP: Duration = Duration::from_millis(250);
/// How long a cancelled wait goes on waiting for replies before it gives them, and the connection, up.
const STOP_WITHIN: Duration = Duration::from_millis(500);
/// The pause between two tries: the first can come before the server has begun to block.
const UNBLOCK_AGAIN: Duration = Duration::from_millis(10);
/// How many connections are kept for further waits.
const MOST_IDLE: usize = 64;

/// The connections for waits, and the waits.
pub(super) struct Waiters {
    link: Link,
    idle: Mutex<Vec<Connection>>,
}

/// A connection on which nothing is outstanding.
struct Connection {
    commands: MultiplexedConnection,
    /// The server's name for it, by which a block is ended; unknown if that command is not allowed.
    id: Option<u64>,
    /// What drives it, and where alone it is used.
    runtime: runtime::Id,
}

/// How a block ended.
enum Block {
    Claimed(Value),
    /// It is not known what the server did: an ordinary claim tells.
    Ask,
    /// The same, and blocking again at once would end no better.
    NapAndAsk,
}

impl Waiters {
    pub(super) fn new(link: Link) -> Arc<Self> {
        Arc::new(Self { link, idle: Mutex::default() })
    }

    /// Claims, and waits for something to claim.
    pub(super) async fn wait(
        self: Arc<Self>,
        lease: Lease,
        claim: Claim,
        patience: Duration,
        stop: CancellationToken,
    ) -> Result<ClaimedBatch, BackendError> {
        let end = Instant::now() + patience.min(FOREVER);
        let mut answer = self.claim(&lease, claim, &stop).await?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if !answer.batch.tasks.is_empty() || left.is_zero() || stop.is_cancelled() {
                return Ok(answer.batch);
            }
            let longest = answer.lease_left.saturating_sub(LEASE_MARGIN).min(LONGEST_BLOCK).min(left);
            let block = if answer.paused || longest.is_zero() {
                Block::NapAndAsk
            } else {
                self.block(&lease, claim, longest, &stop).await
            };
            answer = match block {
                Block::Claimed(reply) => read(claim, reply)?,
                Block::Ask => self.claim(&lease, claim, &stop).await?,
                Block::NapAndAsk => {
                    tokio::select! {
                        () = sleep(NAP.min(left)) => {}
                        () = stop.cancelled() => {}
                    }
                    self.claim(&lease, claim, &stop).await?
                }
            };
        }
    }

    async fn claim(&self, lease: &Lease, claim: Claim, stop: &CancellationToken) -> Result<Answer, BackendError> {
        let request = claim_request(lease, claim);
        tokio::select! {
            reply = self.link.send(Operation::Claim, &request) => read(claim, reply?),
            () = stopped_for(stop, STOP_WITHIN) => {
                Err(BackendError::new(BackendErrorKind::Timeout, Operation::Claim).maybe_applied())
            }
        }
    }

    async fn block(&self, lease: &Lease, claim: Claim, longest: Duration, stop: &CancellationToken) -> Block {
        let (mut connection, is_new) = match self.idle_connection() {
            Some(connection) => (connection, false),
            None => match stop.run_until_cancelled(self.connect()).await {
                Some(Ok(connection)) => (connection, true),
                Some(Err(_)) => return Block::NapAndAsk,
                None => return Block::Ask,
            },
        };
        let keys = Keys::of(&lease.queue);
        let mut request = Request::command("BLMOVE");
        request.arg(keys.ready()).arg(keys.landing(lease.worker)).arg("LEFT").arg("RIGHT");
        // Of less than a millisecond some servers make zero, which is for ever.
        request.arg(longest.max(Duration::from_millis(1)).as_secs_f64());
        add_claim_of_landed(&mut request, lease, claim);

        let replies = {
            let overdue = self.link.settings().response_timeout.saturating_add(longest);
            let replies = timeout(overdue, request.send_once(&mut connection.commands));
            tokio::pin!(replies);
            tokio::select! {
                replies = &mut replies => replies,
                () = stop.cancelled() => {
                    tokio::select! {
                        replies = &mut replies => replies,
                        () = self.unblock(connection.id) => return Block::NapAndAsk,
                    }
                }
            }
        };
        let mut replies = match replies {
            Ok(Ok(replies)) => replies,
            Ok(Err(_lost)) if !is_new => return Block::Ask,
            Ok(Err(_)) | Err(_) => return Block::NapAndAsk,
        };
        self.put_back(connection);
        // The move can be refused: no memory, a wrong type, no right. So can the claim: an unknown script, no lease.
        let moved = replies.first().is_some_and(Result::is_ok);
        match replies.pop() {
            Some(Ok(reply)) if moved => Block::Claimed(reply),
            Some(Err(_)) if moved => Block::Ask,
            _ => Block::NapAndAsk,
        }
    }

    /// Ends the block of the connection `id`; returns only when that has failed.
    async fn unblock(&self, id: Option<u64>) {
        let Some(id) = id else { return };
        let mut request = Request::command("CLIENT");
        request.arg("UNBLOCK").arg(id);
        let tries = async {
            while self.link.send(Operation::Claim, &request).await.is_ok() {
                sleep(UNBLOCK_AGAIN).await;
            }
        };
        // Either way the connection is given up.
        let _ = timeout(STOP_WITHIN, tries).await;
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let settings = self.link.settings();
        let mut commands = connect_blocking(&settings.client, settings.connect_timeout).await?;
        let prepare = async {
            load(&[&CLAIM_LANDED], &mut commands).await?;
            let mut replies = Request::command("CLIENT").arg("ID").send_once(&mut commands).await?;
            let id = replies.pop().and_then(Result::ok).and_then(|id| redis::from_redis_value(id).ok());
            RedisResult::Ok(id)
        };
        let id = timeout(settings.response_timeout, prepare)
            .await
            .unwrap_or_else(|elapsed| Err(std::io::Error::from(elapsed).into()))?;
        Ok(Connection { commands, id, runtime: Handle::current().id() })
    }

    fn idle_connection(&self) -> Option<Connection> {
        let (mut idle, runtime) = (self.idle(), Handle::current().id());
        let place = idle.iter().rposition(|connection| connection.runtime == runtime)?;
        Some(idle.remove(place))
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() == MOST_IDLE {
            // The oldest: perhaps of a runtime that is gone.
            idle.remove(0);
        }
        idle.push(connection);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest patience: the clock cannot count further than some centuries.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Ends so long after `stop` is cancelled.
async fn stopped_for(stop: &CancellationToken, duration: Duration) {
    stop.cancelled().await;
    sleep(duration).await;
}

fn read(claim: Claim, reply: Value) -> Result<Answer, BackendError> {
    answer(Operation::Claim, Some(claim.batch), reply)
}
