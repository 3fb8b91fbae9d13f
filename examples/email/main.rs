//! A mailing from end to end: signups come in as lines of JSON, each becomes a task, and actors write and deliver the
//! mails. Some addresses are wrong, some bounce, some servers want to be asked again: it is sorted out in the end.
//!
//! ```console
//! $ cargo run --example email                                       # into the directory target/outbox
//! $ cargo run --example email -- path/to/other-signups.jsonl
//! $ REDIS_URL=redis://127.0.0.1/ cargo run --example email          # the tasks on Redis
//! $ SMTP_URL=smtp://127.0.0.1:1025 cargo run --example email        # to a mail server; smtps:// works, too
//! ```
//!
//! It ends by itself, with success, when all tasks are done or dead. On Redis it may be killed at any time: the next run
//! finishes what this one began.

mod mailer;
mod message;
mod post;
mod signups;
mod tally;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use redis_ext::prelude::*;

use crate::{mailer::Mailer, post::Post, signups::Signups, tally::Tally};

/// A mail to be sent. A line of the signups is the JSON of one, and so is what another program may push to the queue.
#[derive(Debug, RedisTask)]
#[redis_task(
    queue = "emails",
    max_attempts = 4,
    backoff = "exponential(200ms, 2s)",
    timeout = "20s",
    unique_for = "1h" // whoever clicked twice gets one mail
)]
struct Email {
    #[serde(rename = "email")]
    to: String,
    name: String,
    #[serde(default)]
    language: String,
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let sample = || Path::new(env!("CARGO_MANIFEST_DIR")).join("data/signups.jsonl");
    let path = env::args_os().nth(1).map_or_else(sample, PathBuf::from);
    let signups = Signups::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let post = Post::from_env()?;
    let backend = redis_ext_examples::backend().await?;

    let enqueued = Email::enqueue_many(&backend, &signups.emails).await?;
    let emails = Queue::of::<Email>(&backend);
    let waiting = emails.stats().await?;
    let tally = Arc::new(Tally::new(waiting.ready + waiting.scheduled + waiting.claimed));

    let mailer = Mailer { post: post.clone(), tally: Arc::clone(&tally) };
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Email, _>(Concurrency::new(8), move || mailer.clone())
        .start()?
        .run_until_idle()
        .await?;

    let rejects = signups.keep_rejects(post::outbox())?;
    tally.print(&emails, &enqueued).await?;
    signups.print(rejects.as_deref());
    println!("Look at {post}");
    if env::var_os("REDIS_URL").is_some() {
        println!("The dead letters stay on Redis: redis-cli HVALS '{{{}}}:dead' shows them.", Email::QUEUE);
    }
    Ok(())
}
