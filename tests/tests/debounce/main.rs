//! Debouncing as users meet it: policies in virtual time, schedulers with their targets, bad input, and what happens to
//! firings when schedulers and connections die.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alike;
mod bad_input;
mod dispatching;
mod drop_in;
mod kills;
mod outages;
mod policies;
mod stage;
