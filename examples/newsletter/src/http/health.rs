//! `/healthz`: whether this process can do its work.

use std::time::Duration;

use actix_web::{HttpResponse, get, web::ServiceConfig};
use redis_ext::Queue;
use serde_json::json;
use tokio::time::timeout;

use super::Shared;
use crate::tasks::IssueMail;

/// Whoever asks does not wait for long either.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn routes(app: &mut ServiceConfig) {
    app.service(healthz);
}

/// 200 if the backend answers, and 503 if not: then this process should get no requests for a while. It should not be
/// killed for it, as its workers go on by themselves when Redis is back.
#[get("/healthz")]
async fn healthz(newsletter: Shared) -> HttpResponse {
    match timeout(PATIENCE, Queue::of::<IssueMail>(&newsletter.backend).stats()).await {
        Ok(Ok(_)) => HttpResponse::Ok().json(json!({ "backend": "ok" })),
        Ok(Err(error)) => HttpResponse::ServiceUnavailable().json(json!({ "backend": error.to_string() })),
        Err(_) => HttpResponse::ServiceUnavailable().json(json!({ "backend": format!("silent for {PATIENCE:?}") })),
    }
}
