//! The chapters of the book as documentation, so that `cargo test` compiles and runs their snippets.

include!(concat!(env!("OUT_DIR"), "/chapters.rs"));
