//! `/admin/queues`: what waits, what is dead, and how it comes back.

use actix_web::{
    HttpResponse, get, post,
    web::{self, ServiceConfig},
};
use redis_ext::{
    Queue, TaskId,
    backend::{DeadLetter, Page, Selection},
    task::Envelope,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Shared};
use crate::tasks::QUEUES;

pub(super) fn routes(app: &mut ServiceConfig) {
    app.service(stats).service(dead_letters).service(replay);
}

/// Which dead letters to replay; all, if it names none.
#[derive(Debug, Deserialize)]
struct Replay {
    tasks: Option<Vec<TaskId>>,
}

// ANCHOR: stats
/// What each queue holds.
#[get("/admin/queues")]
async fn stats(newsletter: Shared) -> Result<HttpResponse, Refusal> {
    let mut rows = Vec::with_capacity(QUEUES.len());
    for name in QUEUES {
        let queue = Queue::named(&newsletter.backend, name);
        let stats = queue.stats().await?;
        rows.push(json!({
            "queue": queue.name().as_str(),
            "ready": stats.ready,
            "claimed": stats.claimed,
            "scheduled": stats.scheduled,
            "dead": stats.dead,
        }));
    }
    Ok(HttpResponse::Ok().json(rows))
}
// ANCHOR_END: stats

/// The latest dead letters, with their tasks and why they are dead.
#[get("/admin/queues/{queue}/dead-letters")]
async fn dead_letters(newsletter: Shared, queue: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let dead = find(&newsletter, &queue)?.dead_letters(Page::default()).await?;
    let letters: Vec<_> = dead.letters.iter().map(describe).collect();
    Ok(HttpResponse::Ok().json(json!({ "total": dead.total, "letters": letters })))
}

// ANCHOR: replay
/// Brings dead letters back to the queue; the answer is how many.
#[post("/admin/queues/{queue}/replay")]
async fn replay(
    newsletter: Shared,
    queue: web::Path<String>,
    which: web::Json<Replay>,
) -> Result<HttpResponse, Refusal> {
    let which = which.into_inner().tasks.map_or(Selection::All, Selection::from);
    let replayed = find(&newsletter, &queue)?.replay(which).await?;
    Ok(HttpResponse::Ok().json(json!({ "replayed": replayed })))
}
// ANCHOR_END: replay

fn find(newsletter: &Shared, name: &str) -> Result<Queue, Refusal> {
    match QUEUES.into_iter().find(|queue| queue.as_str() == name) {
        Some(name) => Ok(Queue::named(&newsletter.backend, name)),
        None => Err(Refusal::not_found(format!("there is no queue {name}"))),
    }
}

fn describe(letter: &DeadLetter) -> Value {
    let payload = Envelope::parse(&letter.entry).ok();
    let payload = payload.and_then(|envelope| serde_json::from_slice::<Value>(envelope.payload()).ok());
    json!({
        "task": letter.id,
        "payload": payload,
        "reason": letter.reason,
        "errors": letter.errors,
        "attempts": letter.attempts,
        "died_at_ms": letter.died_at.as_millis(),
    })
}
