//! Where mails go: to a mail server, or into a directory that plays one.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use redis_ext::prelude::*;

use crate::Email;

/// The way that mails take.
#[derive(Clone)]
pub(crate) enum Post {
    Outbox,
    Server(AsyncSmtpTransport<Tokio1Executor>),
}

/// The directory of mails that were not sent to a server, and of rejected lines.
pub(crate) fn outbox() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/outbox"))
}

impl Post {
    /// The mail server of the environment variable `SMTP_URL` if it is set, and otherwise the outbox.
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        fs::create_dir_all(outbox()).with_context(|| format!("cannot make {}", outbox().display()))?;
        let Ok(url) = env::var("SMTP_URL") else { return Ok(Self::Outbox) };
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).context("SMTP_URL is of no use")?;
        Ok(Self::Server(server.build()))
    }

    /// Delivers a mail, or says whether to try again.
    pub(crate) async fn deliver(&self, email: &Task<Email>, message: Message) -> Result<(), TaskError> {
        match self {
            Self::Outbox => {
                answer(email).await?;
                Ok(tokio::fs::write(path(email), message.formatted()).await?)
            }
            Self::Server(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(TaskError::fatal(format!("<{}>: {error}", email.to))),
                Err(error) => Err(TaskError::new(format!("<{}>: {error}", email.to))),
            },
        }
    }
}

/// A file named after the task: if the task is run twice, the second message replaces the first.
fn path(email: &Task<Email>) -> PathBuf {
    outbox().join(format!("{}.eml", email.id()))
}

/// What a mail server would answer, after a while, to some addresses of the sample.
async fn answer(email: &Task<Email>) -> Result<(), TaskError> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    let to = &email.to;
    match to.split(['+', '@']).next() {
        Some("bounce") => Err(TaskError::fatal(format!("550 5.1.1 <{to}>: there is no such mailbox"))),
        Some("greylist") if email.attempt() == 1 => Err(TaskError::new(format!("451 4.7.1 <{to}>: try again later"))),
        Some("full") => Err(TaskError::new(format!("452 4.2.2 <{to}>: the mailbox is full"))),
        _ => Ok(()),
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbox => {
                let directory = outbox().canonicalize().unwrap_or_else(|_| outbox().to_owned());
                write!(f, "{}: one .eml file a mail, which any mail program opens.", directory.display())
            }
            Self::Server(_) => f.write_str("the mailboxes of your mail server."),
        }
    }
}
