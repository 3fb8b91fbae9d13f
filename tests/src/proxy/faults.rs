//! What can go wrong between a client and its server, and with which command.

use std::{collections::HashMap, fs, path::Path, sync::OnceLock, time::Duration};

use super::resp;

/// One thing that goes wrong with one command. What a network does to a connection it does to all that follows on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost, and the connection is silent from there on.
    LoseRequest,
    /// The request is applied, its reply is lost, and the connection is silent from there on.
    LoseReply,
    /// The connection is closed instead of passing the request on.
    CutBefore,
    /// The request is applied, and the connection is closed instead of passing the reply on.
    CutAfter,
    /// The connection is closed, and the request is applied so much later all the same.
    Late(Duration),
    /// The request waits for so long, and what comes behind it waits too.
    Delay(Duration),
    /// The server refuses the request with this error; it is not applied.
    Refuse(&'static str),
}

/// A command on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The script's name as its file has it (`settle`), or else the command's: `RPUSH`, `CLIENT ID`.
    pub name: String,
    /// The name of the script that is being loaded.
    pub(super) loads: Option<String>,
}

impl Command {
    pub(super) fn of(request: &[u8], scripts: &HashMap<Vec<u8>, String>) -> Self {
        let texts = resp::texts(request);
        let text =
            |at: usize| texts.get(at).map(|text| String::from_utf8_lossy(text).to_uppercase()).unwrap_or_default();
        let first = text(0);
        let name = match first.as_str() {
            "EVALSHA" => texts.get(1).and_then(|hash| scripts.get(*hash)).cloned().unwrap_or(first),
            "CLIENT" | "SCRIPT" => format!("{first} {}", text(1)),
            _ => first,
        };
        let loads = (name == "SCRIPT LOAD").then(|| texts.get(2).and_then(|source| name_of(source))).flatten();
        Self { name, loads }
    }

    /// Whether it only sets a connection up or looks after it.
    #[must_use]
    pub fn is_housekeeping(&self) -> bool {
        ["HELLO", "AUTH", "SELECT", "PING", "INFO"].contains(&&*self.name)
            || self.name.starts_with("CLIENT ")
            || self.name.starts_with("SCRIPT ")
    }
}

/// The name of the file that a script's source ends with; what stands before it are fragments.
fn name_of(source: &[u8]) -> Option<String> {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../redis-ext/src/backend/redis/lua");
        let files = fs::read_dir(directory).expect("the scripts lie beside the tests");
        let paths = files.map(|file| file.expect("a directory can be read").path());
        paths
            .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), fs::read(&path).ok()?)))
            .filter(|(name, _)| !name.starts_with('_'))
            .collect()
    });
    files.iter().find(|(_, text)| source.ends_with(text)).map(|(name, _)| name.clone())
}
