//! A newsletter: people subscribe and unsubscribe over HTTP, authors write issues with autosave and preview, and an issue
//! is mailed to everybody who wants it. It shows how an application on redis-ext is laid out.
//!
//! ```text
//! main ── Config ──▶ Service
//!                    ├─ http    requests: check, put on record, answer; nothing that takes long
//!                    ├─ tasks   what takes long or can fail: queues, handlers, workers, the scheduler
//!                    └─ Newsletter, which both of them share
//!                       ├─ Subscribers   a number each (UniqueId), who subscribed and who is suppressed (FastSet)
//!                       ├─ Issues        drafts, sent issues and previews, in files
//!                       └─ Post          what takes mails: an outbox here, a mail server in earnest, a double in tests
//! ```
//!
//! Requests and tasks meet in [`Newsletter`] and in the backend, nowhere else: a request enqueues, a handler of
//! [`tasks`] does the work, and each can be tested without the other.

mod address;
mod config;
mod error;
pub mod http;
mod issues;
mod mail;
mod newsletter;
mod outbox;
mod post;
mod service;
mod slug;
mod subscribers;
pub mod tasks;

pub use address::{Address, InvalidAddress};
pub use config::{Config, ConfigError};
pub use error::Error;
pub use issues::{Issue, IssueError, Issues};
pub use mail::{Mail, MailError};
pub use newsletter::Newsletter;
pub use outbox::Outbox;
pub use post::{DeliveryError, Post};
pub use service::Service;
pub use slug::{InvalidSlug, Slug};
pub use subscribers::{Subscriber, Subscribers};
