//! The service from outside, in memory: requests by `actix_web::test`, time moved by hand, and a post that does as it is
//! told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod issues;
mod shutdown;
mod stage;
mod subscriptions;
