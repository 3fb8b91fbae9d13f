//! `/subscriptions`: people come and go.

use actix_web::{
    HttpResponse, delete, post,
    web::{self, ServiceConfig},
};
use redis_ext::unique_id::Id;
use serde::Deserialize;

use super::{Refusal, Shared};
use crate::{Address, Subscriber};

pub(super) fn routes(app: &mut ServiceConfig) {
    app.service(subscribe).service(unsubscribe);
}

#[derive(Debug, Deserialize)]
struct Subscription {
    email: Address,
}

/// 201 for a new subscriber, 200 for one who is on record, 403 for an address that must not be written to.
#[post("/subscriptions")]
async fn subscribe(newsletter: Shared, subscription: web::Json<Subscription>) -> Result<HttpResponse, Refusal> {
    let (subscriber, is_new) = newsletter.subscribe(subscription.into_inner().email).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(subscriber))
}

/// 204, also for those who have gone before.
#[delete("/subscriptions/{number}")]
async fn unsubscribe(newsletter: Shared, number: web::Path<Id<Subscriber>>) -> Result<HttpResponse, Refusal> {
    newsletter.unsubscribe(*number).await?;
    Ok(HttpResponse::NoContent().finish())
}
