//! The input: a file with one signup a line, not all of which are as they should be.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use redis_ext::{CodecError, RedisTask as _};

use crate::Email;

/// What a file holds.
pub(crate) struct Signups {
    pub(crate) emails: Vec<Email>,
    rejected: Vec<Reject>,
}

struct Reject {
    number: usize,
    line: Vec<u8>,
    reason: CodecError,
}

impl Signups {
    /// Reads bytes rather than text, so that a line in a strange encoding spoils itself only.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut signups = Self { emails: Vec::new(), rejected: Vec::new() };
        for (at, line) in fs::read(path)?.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match Email::decode(line) {
                Ok(email) => signups.emails.push(email),
                Err(reason) => signups.rejected.push(Reject { number: at + 1, line: line.to_vec(), reason }),
            }
        }
        Ok(signups)
    }

    /// Keeps the rejected lines as they are in a file, so that they can be repaired and read again.
    pub(crate) fn keep_rejects(&self, directory: &Path) -> io::Result<Option<PathBuf>> {
        if self.rejected.is_empty() {
            return Ok(None);
        }
        let file = directory.join("rejected.jsonl");
        let lines: Vec<_> = self.rejected.iter().map(|reject| reject.line.as_slice()).collect();
        fs::write(&file, lines.join(&b'\n'))?;
        file.canonicalize().map(Some)
    }

    /// Tells which lines were rejected, and why.
    pub(crate) fn print(&self, file: Option<&Path>) {
        println!("rejected   {:>4} lines", self.rejected.len());
        for Reject { number, reason, .. } in &self.rejected {
            println!("                line {number}: {reason}");
        }
        if let Some(file) = file {
            println!("                They are kept in {}", file.display());
        }
    }
}
