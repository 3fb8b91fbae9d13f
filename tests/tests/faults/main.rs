//! Everything that can go wrong, made to go wrong: lost requests and replies, refusals, dead workers, dead servers.
//!
//! `cargo test -p redis-ext-tests --test faults` runs it within three minutes and prints a table of what was measured.
//! `REDIS_EXT_ROUNDS=20` makes the long run of the kills; `REDIS_EXT_SEED` repeats a storm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crew;
mod debouncing;
mod extremes;
mod kills;
mod stage;
mod storm;
mod table;
mod transitions;
