//! Where mails leave the service: a trait, so that a test can put its own in the place of a mail server.

use std::io;

use async_trait::async_trait;

use crate::{Address, Mail};

/// What takes mails.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Takes a mail. Taking it a second time, by its [name](Mail::name), does no harm.
    ///
    /// # Errors
    /// [`DeliveryError`] tells whether another try makes sense.
    async fn deliver(&self, mail: &Mail) -> Result<(), DeliveryError>;
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// It never will be, and the address should not be written to again.
    #[error("550 {0}: there is no such mailbox")]
    Bounced(Address),
    /// Not now.
    #[error("{code} {to}: {why}")]
    Deferred {
        /// The server's code.
        code: u16,
        /// Whose server.
        to: Address,
        /// What it says.
        why: &'static str,
    },
    /// The way to the server is broken.
    #[error("the mail could not be handed over")]
    Broken(#[from] io::Error),
}
