//! The pages of reference are held against the source: what is missing on them, or surplus, fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod errors;
mod events;
mod options;
mod source;
