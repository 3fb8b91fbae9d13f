//! Entries of any bytes: never a panic, never a loss.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/tests/envelope/properties.rs"]
mod properties;

fuzz_target!(|entry: &[u8]| properties::hold_for(entry));
