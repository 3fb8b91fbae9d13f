//! The README says what is so.

use std::fs;

fn file(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn its_first_program_is_the_one_that_is_run_in_a_crate_of_its_own() {
    let readme = file("README.md");
    let program = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(file("tests/quickstart/src/bin/redis.rs").ends_with(program));

    let connect = "RedisBackend::connect(\"redis://127.0.0.1/\").await?; // or MemoryBackend::new()";
    assert!(program.contains(connect));
    let in_memory = program
        .replace(connect, "MemoryBackend::new();")
        .replace("prelude::*;\n", "prelude::*;\nuse redis_ext_memory::MemoryBackend;\n");
    assert!(file("tests/quickstart/src/bin/memory.rs").ends_with(&in_memory));
}
