//! What can go wrong in the service, whoever asks: requests make statuses of it, tasks make retries of it.

use std::io;

use redis_ext::{
    BackendError,
    fast_set::{FastSetError, Stale},
};

use crate::{IssueError, MailError};

/// What went wrong; the cause is its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Tasks, sets or numbers could not be had.
    #[error(transparent)]
    Store(#[from] redis_ext::Error),
    /// An issue cannot be had, or not be changed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A mail cannot be written.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The address is one that must not be written to.
    #[error("this address has unsubscribed, or mails to it came back")]
    Suppressed,
    /// Nobody has this number.
    #[error("there is no subscriber {0}")]
    NoSuchSubscriber(u64),
    /// The directory of the issues cannot be used.
    #[error("the newsletter's directory cannot be used")]
    Directory(#[source] io::Error),
    /// The web server could not be started, or failed.
    #[error("the web server failed")]
    Server(#[source] io::Error),
}

// `?` takes one step at a time, and the parts of the library have errors of their own.

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        Self::Store(error.into())
    }
}

impl From<FastSetError> for Error {
    fn from(error: FastSetError) -> Self {
        Self::Store(error.into())
    }
}

impl From<Stale> for Error {
    fn from(stale: Stale) -> Self {
        Self::Store(stale.into())
    }
}
