//! A directory that plays the mail servers of the world: it takes mails as files, and some mailboxes are difficult.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::fs;

use crate::{DeliveryError, Mail, Post, tasks::IssueMail};
use redis_ext::RedisTask as _;

/// Mails as files, each named after the mail: whoever takes one twice has it once.
///
/// Mailboxes of three names are not like others: `bounce@…` does not exist, `greylist@…` wants to be asked twice, and
/// `full@…` is full for as many tries as a mail of an issue has, so that a replay is what it takes.
#[derive(Debug)]
pub struct Outbox {
    directory: PathBuf,
    refusals: Mutex<HashMap<String, u32>>,
}

impl Outbox {
    /// An outbox in this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, refusals: Mutex::default() }
    }

    /// The file of a mail.
    pub fn file_of(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.eml"))
    }

    /// What the server of that mailbox says.
    fn answer(&self, mail: &Mail) -> Result<(), DeliveryError> {
        let deferred = |code, why| DeliveryError::Deferred { code, to: mail.to.clone(), why };
        let (patience, refusal) = match mail.to.mailbox() {
            "bounce" => return Err(DeliveryError::Bounced(mail.to.clone())),
            "greylist" => (1, deferred(451, "try again later")),
            "full" => (IssueMail::OPTIONS.max_attempts, deferred(452, "the mailbox is full")),
            _ => return Ok(()),
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let count = refusals.entry(mail.name.clone()).or_default();
        *count += 1;
        if *count > patience { Ok(()) } else { Err(refusal) }
    }
}

#[async_trait]
impl Post for Outbox {
    async fn deliver(&self, mail: &Mail) -> Result<(), DeliveryError> {
        self.answer(mail)?;
        Ok(write(&self.file_of(&mail.name), &mail.message).await?)
    }
}

async fn write(file: &Path, message: &[u8]) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).await?;
    }
    fs::write(file, message).await
}
