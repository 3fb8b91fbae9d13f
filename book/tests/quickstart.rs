//! The quickstart works the first time: its files, as the chapter includes them, in an empty crate of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use redis_ext_tests::{Raw, RedisServer};
use tempfile::TempDir;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Where this workspace is built: what the programs need of other crates need not be built twice.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").canonicalize().unwrap()
}

/// A crate with the files of a quickstart, outside of any workspace.
///
/// Two things are not a reader's: the library comes from this repository, and the other crates in the versions of its
/// lock file, so that the test needs no network.
struct Mailer(TempDir);

impl Mailer {
    fn typed_from(quickstart: &str) -> Self {
        let files = workspace().join("book/quickstart").join(quickstart);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        for file in ["Cargo.toml", "src/main.rs"] {
            fs::copy(files.join(file), dir.path().join(file)).unwrap();
        }
        fs::copy(workspace().join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();
        Self(dir)
    }

    fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg(subcommand).arg("--quiet").current_dir(&self.0);
        for package in ["redis-ext", "redis-ext-memory"] {
            let path = workspace().join(package);
            cargo.arg("--config").arg(format!("patch.crates-io.{package}.path={path:?}"));
        }
        cargo.env("CARGO_TARGET_DIR", target());
        cargo
    }

    /// Builds the program and gives its path: what is to get a signal must not be cargo.
    fn build(&self) -> PathBuf {
        assert!(self.cargo("build").status().unwrap().success());
        // A test of the other program would build it over this one.
        let program = self.0.path().join("mailer");
        fs::copy(target().join("debug/mailer"), &program).unwrap();
        program
    }
}

#[test]
fn the_chapter_is_made_of_the_files_that_are_tested() {
    let chapter = fs::read_to_string(workspace().join("book/src/quickstart.md")).unwrap();
    for file in ["memory/Cargo.toml", "memory/src/main.rs", "redis/src/main.rs"] {
        assert!(chapter.contains(&format!("{{{{#include ../quickstart/{file}}}}}")), "{file}");
    }
    let of = |quickstart: &str| fs::read(workspace().join("book/quickstart").join(quickstart).join("Cargo.toml"));
    assert_eq!(of("memory").unwrap(), of("redis").unwrap(), "the chapter shows one Cargo.toml for both");
}

#[test]
fn the_programs_do_what_the_chapter_says() {
    // One test, as both programs are built in one place.
    in_memory();
    on_redis();
}

fn in_memory() {
    let output = Mailer::typed_from("memory").cargo("run").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            "to ada@example.org: welcome (attempt 1)",
            "to bob@example.org: welcome (attempt 1)",
            "to bob@example.org: welcome (attempt 2)",
        ]
    );
}

fn on_redis() {
    let server = RedisServer::start();
    let mailer = Mailer::typed_from("redis");
    let program = mailer.build();

    let mut sender = Command::new(&program);
    let sent = sender.env("REDIS_URL", server.url()).arg("ada@example.org").output().unwrap();
    assert!(String::from_utf8(sent.stdout).unwrap().starts_with("enqueued as "));
    let pushed = Raw::to(&server).send(r#"RPUSH emails '{"to":"carol@example.org","subject":"from the shell"}'"#);
    assert_eq!(pushed, ":2");

    let mut worker = Command::new(&program);
    let mut worker = worker.env("REDIS_URL", server.url()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "waiting for emails");
    assert_eq!(lines.next().unwrap(), "to ada@example.org: welcome (attempt 1)");
    assert_eq!(lines.next().unwrap(), "to carol@example.org: from the shell (attempt 1)");

    let terminated = Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    assert!(worker.wait().unwrap().success());

    let mut nowhere = Command::new(&program);
    let refused = nowhere.env("REDIS_URL", "redis://127.0.0.1:1/").output().unwrap();
    assert!(!refused.status.success());
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.starts_with("Error: connect: the store is unavailable") && error.contains("127.0.0.1:1"), "{error}");
}
