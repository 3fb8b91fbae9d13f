//! The history checker: processes in Rust and Python change one set while connections are cut, and every view that any
//! of them showed is compared with what the server did, as its `MONITOR` tells it.
//!
//! `REDIS_EXT_OPERATIONS=100000` makes the long run; `REDIS_EXT_SEED` repeats the faults of one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::Instant,
};

use fastrand::Rng;
use redis_ext_tests::{Fault, Proxy, Python, View};

use super::*;

/// How many operations all processes make together, unless `REDIS_EXT_OPERATIONS` says otherwise.
const OPERATIONS: usize = 4_000;

/// Of how many commands through the proxy one meets a fault.
const ONE_IN: u32 = 60;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// What the server did to the set, step by step.
struct Truth {
    /// What a view of each version shows.
    views: BTreeMap<u64, View>,
    /// At which version a number came, the last time.
    came: HashMap<u32, u64>,
    /// What the server was told to do until a version, for people who look for the fault.
    commands: BTreeMap<u64, Vec<String>>,
}

impl Truth {
    fn contradiction(&self, view: &View) -> String {
        let commands = self.commands.range(view.version.saturating_sub(1)..=view.version + 1);
        let commands: Vec<_> = commands.flat_map(|(_, commands)| commands.clone()).collect();
        let truth = self.views.get(&view.version);
        format!("a view is {view:?}, and the set was {truth:?}; around it:\n{}", commands.join("\n"))
    }
}

/// Sets as the server's commands make them.
#[derive(Default)]
struct Server {
    sets: HashMap<String, BTreeSet<String>>,
    version: u64,
    came: Vec<u32>,
}

impl Server {
    fn set(&self, key: &str) -> BTreeSet<String> {
        self.sets.get(key).cloned().unwrap_or_default()
    }

    /// Does what a command did; the answer is whether that ended a version.
    fn follow(&mut self, command: &[String]) -> bool {
        let key = || command[1].clone();
        match command[0].to_uppercase().as_str() {
            "SADD" => {
                let set = self.sets.entry(key()).or_default();
                for member in &command[2..] {
                    if set.insert(member.clone()) && command[1] == "s:value" {
                        self.came.push(member.parse().unwrap());
                    }
                }
            }
            "SREM" => command[2..].iter().for_each(|member| {
                self.sets.entry(key()).or_default().remove(member);
            }),
            "DEL" => command[1..].iter().for_each(|key| {
                self.sets.remove(key);
            }),
            "RENAME" => {
                let moved = self.sets.remove(&command[1]).unwrap_or_default();
                let gone = self.set(&command[2]);
                self.came.extend(moved.difference(&gone).map(|member| member.parse::<u32>().unwrap()));
                self.sets.insert(command[2].clone(), moved);
            }
            "SDIFFSTORE" => {
                let difference = &self.set(&command[2]) - &self.set(&command[3]);
                self.sets.insert(key(), difference);
            }
            "SINTERSTORE" => {
                let intersection = &self.set(&command[2]) & &self.set(&command[3]);
                self.sets.insert(key(), intersection);
            }
            "SPOP" => panic!("nobody can tell what {command:?} did"),
            "INCR" | "INCRBY" => {
                self.version += 1;
                return true;
            }
            _ => {}
        }
        false
    }
}

/// Listens to what the server does, until a client echoes `the end`.
fn listen(server: &RedisServer) -> JoinHandle<Truth> {
    let mut raw = Raw::to(server);
    assert_eq!(raw.send("MONITOR"), "+OK");
    thread::spawn(move || {
        let mut server = Server::default();
        let mut truth =
            Truth { views: BTreeMap::from([(0, View::of(0, []))]), came: HashMap::new(), commands: BTreeMap::new() };
        loop {
            let line = raw.line();
            // +1700000000.000000 [0 lua] "SADD" "s:value" "7"
            let Some((_, command)) = line.split_once("] ") else { continue };
            let command: Vec<_> = command.trim_matches('"').split("\" \"").map(str::to_owned).collect();
            if command[0].eq_ignore_ascii_case("echo") {
                return truth;
            }
            truth.commands.entry(server.version + 1).or_default().push(line.clone());
            if server.follow(&command) {
                let members = server.set("s:value");
                let view = View::of(server.version, members.iter().map(|member| member.parse().unwrap()));
                assert!(truth.views.insert(server.version, view).is_none());
                truth.came.extend(server.came.drain(..).map(|number| (number, server.version)));
            }
        }
    })
}

/// A process of ours.
struct Storm {
    child: Child,
    stdin: ChildStdin,
    lines: JoinHandle<(Vec<String>, BufReader<ChildStdout>)>,
}

impl Storm {
    fn start(url: &str, who: usize, operations: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fast_set_storm"))
            .args([url, "s", &who.to_string(), &operations.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let lines = thread::spawn(move || {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                assert!(stdout.read_line(&mut line).unwrap() > 0, "a process ended before it was done");
                if line.trim_end() == "done" {
                    return (lines, stdout);
                }
                lines.push(line.trim_end().to_owned());
            }
        });
        Self { child, stdin, lines }
    }
}

#[test]
fn every_view_is_the_set_at_its_version_and_all_come_to_the_last_one() {
    let operations = setting("REDIS_EXT_OPERATIONS").map_or(OPERATIONS, |operations| operations as usize);
    let seed = setting("REDIS_EXT_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{operations} operations, REDIS_EXT_SEED={seed}");
    let begun = Instant::now();
    let server = RedisServer::start();
    let truth = listen(&server);
    let proxy = Proxy::to(&server);
    let mut rng = Rng::with_seed(seed);
    proxy.rule(move |_| {
        (rng.u32(..ONE_IN) == 0).then(|| match rng.u32(..20) {
            // Each costs the patience with a silent server.
            0 => Fault::LoseRequest,
            1 => Fault::LoseReply,
            2..8 => Fault::CutBefore,
            8..14 => Fault::CutAfter,
            _ => Fault::Delay(Duration::from_millis(rng.u64(1..20))),
        })
    });

    // A twentieth is Python's: each of its changes makes the views load anew.
    let (share, theirs) = (operations * 19 / 60, (operations / 20).to_string());
    let storms: Vec<_> = [proxy.url(), proxy.url(), server.url()]
        .iter()
        .enumerate()
        .map(|(who, url)| Storm::start(url, who, share))
        .collect();
    let python = Python::script("storm_fast_set").arg(server.url()).arg("s").arg(seed.to_string()).arg(theirs).start();
    let mut views = Vec::new();
    let mut own = Vec::new();
    let mut ended = Vec::new();
    for Storm { child, stdin, lines } in storms {
        let (lines, stdout) = lines.join().unwrap();
        for line in lines {
            match line.strip_prefix("own ").and_then(|line| line.split_once(' ')) {
                Some((number, version)) => own.push((number.parse::<u32>().unwrap(), version.parse::<u64>().unwrap())),
                None => views.push(line.parse::<View>().unwrap()),
            }
        }
        ended.push((child, stdin, stdout));
    }
    assert_eq!(python.finish(), "done\n");
    let faults = proxy.calm();

    // What was sent into a cut connection may still be on its way.
    let mut raw = Raw::to(&server);
    thread::sleep(Duration::from_millis(100));
    let version: u64 = raw.send("GET s:version").parse().unwrap();
    let mut last = Vec::new();
    for (mut child, mut stdin, stdout) in ended {
        writeln!(stdin, "{version}").unwrap();
        last.extend(stdout.lines().map(|line| line.unwrap().parse::<View>().unwrap()));
        assert!(child.wait().unwrap().success());
    }
    raw.send("ECHO end");
    let truth = truth.join().unwrap();

    for view in &views {
        let is_true = truth.views.get(&view.version) == Some(view);
        assert!(is_true, "{}; seed {seed}", truth.contradiction(view));
    }
    for (number, version) in &own {
        let came = truth.came.get(number).unwrap_or_else(|| panic!("{number} never came; seed {seed}"));
        assert!(came <= version, "{number} came with {came}, and its writer saw {version}; seed {seed}");
    }
    assert_eq!(last, vec![truth.views[&version]; 9], "all come to the last version; seed {seed}");
    println!(
        "{} views, {} writes of one's own, {version} versions, {faults} faults, {:.0?}",
        views.len(),
        own.len(),
        begun.elapsed()
    );
    assert!(views.len() > operations / 2 && own.len() > operations / 20 && faults > 0);
}
