//! Callers in several processes race for the IDs of the same keys.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use super::*;

const PROCESSES: usize = 4;
const CALLERS: usize = 16;
const KEYS: usize = 10_000;

/// A process that was not waited for, as its test failed, must not outlive it.
struct Caller(Child);

impl Drop for Caller {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

#[test]
fn sixty_four_callers_in_four_processes_agree_on_ten_thousand_ids_without_a_gap() {
    let server = RedisServer::start();
    let start = |_| {
        let mut caller = Command::new(env!("CARGO_BIN_EXE_id_caller"));
        caller.args([&server.url(), "raced", &KEYS.to_string(), &CALLERS.to_string()]);
        Caller(caller.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    };
    let mut callers: Vec<_> = (0..PROCESSES).map(start).collect();
    let mut outputs: Vec<_> =
        callers.iter_mut().map(|caller| BufReader::new(caller.0.stdout.take().unwrap()).lines()).collect();
    for output in &mut outputs {
        assert_eq!(output.next().unwrap().unwrap(), "ready");
    }
    for caller in &mut callers {
        writeln!(caller.0.stdin.as_mut().unwrap()).unwrap();
    }

    let mut ids = BTreeMap::new();
    for output in outputs {
        let mut lines = 0;
        for line in output {
            let line = line.unwrap();
            let (key, id) = line.split_once(' ').unwrap();
            let (key, id): (usize, u64) = (key.parse().unwrap(), id.parse().unwrap());
            assert_eq!(*ids.entry(key).or_insert(id), id, "two processes got two IDs for {key}");
            lines += 1;
        }
        assert_eq!(lines, KEYS, "each process asked for each key");
    }
    for caller in &mut callers {
        assert!(caller.0.wait().unwrap().success());
    }
    let mut all: Vec<_> = ids.into_values().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=KEYS as u64).collect::<Vec<_>>());
    let counter: u64 = ask(&mut connection(&server), "GET", &["raced:auto"]);
    assert_eq!(counter, KEYS as u64);
}
