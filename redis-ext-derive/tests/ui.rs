//! What the derive accepts, and what it says of what it does not: one behaviour per file in `ui/`.
//!
//! The programs in `ui/pass` are compiled and run. Those in `ui/fail` must fail with the diagnostics in the
//! `.stderr` beside them; `TRYBUILD=overwrite cargo test -p redis-ext-derive --test ui` writes these anew.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

/// What people write in their first hour, and what they are told.
#[test]
fn newcomer() {
    trybuild::TestCases::new().compile_fail("tests/ui/newcomer/*.rs");
}
