//! `/issues`: authors write, look, and send.

use actix_web::{
    HttpResponse, get,
    http::header::ContentType,
    post, put,
    web::{self, ServiceConfig},
};
use redis_ext::{DebounceExt as _, Enqueue as _};
use serde_json::json;

use super::{Refusal, Shared};
use crate::{
    Issue, Slug,
    tasks::{RenderPreview, SendIssue},
};

pub(super) fn routes(app: &mut ServiceConfig) {
    app.service(save).service(preview).service(send);
}

// ANCHOR: save
/// 202: the draft is kept, and the preview follows. An editor calls this as often as it likes.
#[put("/issues/{slug}")]
async fn save(newsletter: Shared, slug: web::Path<Slug>, issue: web::Json<Issue>) -> Result<HttpResponse, Refusal> {
    let slug = slug.into_inner();
    newsletter.issues.save(&slug, &issue).await?;
    let answer = json!({ "preview": format!("/issues/{slug}/preview") });
    RenderPreview { slug }.debounce(&newsletter.backend).await?;
    Ok(HttpResponse::Accepted().json(answer))
}
// ANCHOR_END: save

/// The draft as it was rendered last; 404 if it never was.
#[get("/issues/{slug}/preview")]
async fn preview(newsletter: Shared, slug: web::Path<Slug>) -> Result<HttpResponse, Refusal> {
    let page = newsletter.issues.preview(&slug).await?;
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page))
}

// ANCHOR: send
/// 202 and the ID of the task, which is the same when it is asked twice; 409 when the issue is out.
#[post("/issues/{slug}/send")]
async fn send(newsletter: Shared, slug: web::Path<Slug>) -> Result<HttpResponse, Refusal> {
    let slug = slug.into_inner();
    newsletter.issues.draft(&slug).await?;
    let task = SendIssue { slug }.enqueue(&newsletter.backend).await?;
    Ok(HttpResponse::Accepted().json(json!({ "task": task.id() })))
}
// ANCHOR_END: send
