//! Being woken: a subscription on a connection of its own, kept for as long as somebody watches.
//!
//! It lives on the runtime of who watches. A message that is published while the connection is down is lost, so every
//! new connection counts as a wake-up: whoever watches looks again.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};

use super::super::link::Link;
use crate::backend::{Waker, Wakes};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Watches a channel; returns when the subscription stands, or could not be made for the time being.
pub(super) async fn watch(link: &Link, channel: String) -> Wakes {
    let waker = Waker::new();
    let wakes = waker.watch();
    let (client, patience) = (link.settings().client.clone(), link.settings().connect_timeout);
    let first = subscribe(&client, &channel, patience).await;
    tokio::spawn(async move {
        tokio::select! {
            () = waker.unwatched() => {}
            () = keep(&waker, &client, &channel, patience, first) => {}
        }
    });
    wakes
}

async fn keep(
    waker: &Waker,
    client: &redis::Client,
    channel: &str,
    patience: Duration,
    first: Option<redis::aio::PubSub>,
) {
    let mut subscription = first;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(mut subscribed) = subscription.take() {
            pause = FIRST_PAUSE;
            let mut messages = subscribed.on_message();
            while messages.next().await.is_some() {
                waker.wake();
            }
        }
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        subscription = subscribe(client, channel, patience).await;
        if subscription.is_some() {
            waker.wake();
        }
    }
}

async fn subscribe(client: &redis::Client, channel: &str, patience: Duration) -> Option<redis::aio::PubSub> {
    let subscribe = async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        redis::RedisResult::Ok(subscription)
    };
    match timeout(patience, subscribe).await {
        Ok(Ok(subscription)) => Some(subscription),
        Ok(Err(error)) => {
            tracing::debug!(channel, %error, "schedulers cannot be woken through Redis for the time being");
            None
        }
        Err(_no_answer) => None,
    }
}
