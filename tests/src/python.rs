//! Python programs beside the tests: scripts of `tests/python`, run where the package is installed whose keys we share.
//!
//! The virtual environment is made by `scripts/python-venv` when it is first needed. A script ends with its owner, and
//! after [`TIME_LIMIT`] in any case.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

/// Seconds after which Python itself ends a script, with a trace of where it was on its standard error.
const TIME_LIMIT: u32 = 120;

/// A script that is about to be run; its name is that of a file in `tests/python`, without the ending.
///
/// Everything here blocks the thread: within a System that has other work to do, see `tokio::task::spawn_blocking`.
///
/// # Panics
/// Running it panics when there is no Python or the packages cannot be installed, with what to do about it, and when
/// the script fails, with its standard error: a test that needs Python fails without it.
///
/// # Examples
/// ```
/// use redis_ext_tests::Python;
///
/// let spellings = Python::script("spell").stdin("{\"b\":1,\"a\":\"é\"}\n").run();
/// assert_eq!(spellings, "{\"a\": \"\\u00e9\", \"b\": 1}\n{\"a\": \"é\", \"b\": 1}\n");
/// ```
#[derive(Debug)]
#[must_use = "nothing runs before `run` or `start`"]
pub struct Python {
    name: String,
    command: Command,
}

impl Python {
    /// The script of this name.
    pub fn script(name: &str) -> Self {
        let run = format!(
            "import faulthandler, runpy, sys\n\
             faulthandler.dump_traceback_later({TIME_LIMIT}, exit=True)\n\
             del sys.argv[0]\n\
             runpy.run_path(sys.argv[0], run_name='__main__')"
        );
        let path = folder().join(name).with_extension("py");
        assert!(path.is_file(), "there is no script {}", path.display());
        let mut command = Command::new(interpreter());
        command.args(["-X", "utf8", "-u", "-c", &run]).arg(path).stdin(Stdio::piped());
        Self { name: name.to_owned(), command }
    }

    /// Adds an argument of the script.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Gives the script all of its standard input.
    pub fn stdin(mut self, input: impl AsRef<[u8]>) -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file can be made");
        file.write_all(input.as_ref()).expect("a temporary file can be written");
        file.seek(SeekFrom::Start(0)).expect("a file can be read from its start");
        self.command.stdin(file);
        self
    }

    /// Runs the script to its end and returns its standard output.
    #[must_use]
    pub fn run(self) -> String {
        self.start().finish()
    }

    /// Starts the script; unless it was given one, its standard input is open for [`PythonProcess::say`].
    #[must_use]
    pub fn start(mut self) -> PythonProcess {
        let errors = tempfile::tempfile().expect("a temporary file can be made");
        let stderr = errors.try_clone().expect("a file can be shared");
        let mut child = self.command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the interpreter can be run");
        let stdout = BufReader::new(child.stdout.take().expect("the output is a pipe"));
        PythonProcess { name: self.name, stdin: child.stdin.take(), stdout, errors, child }
    }
}

/// A running script; it is killed on drop.
#[derive(Debug)]
pub struct PythonProcess {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    errors: File,
}

impl PythonProcess {
    /// Sends a line to the script's standard input.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the script's input was not given at its start");
        if let Err(error) = writeln!(stdin, "{line}") {
            panic!("{} does not listen: {error}\n{}", self.name, self.complaints());
        }
    }

    /// Waits for the next line of the script's standard output.
    #[must_use]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.stdout.read_line(&mut line).expect("the script writes UTF-8");
        assert!(length > 0, "{} ended; its errors:\n{}", self.name, self.complaints());
        line.trim_end_matches('\n').to_owned()
    }

    /// Closes the script's standard input, waits for its end, and returns the rest of its standard output.
    #[must_use]
    pub fn finish(mut self) -> String {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("the script writes UTF-8");
        let status = self.child.wait().expect("the script was started here");
        assert!(status.success(), "{} failed ({status}); its errors:\n{}", self.name, self.complaints());
        rest
    }

    /// The script's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn complaints(&self) -> String {
        let mut text = Vec::new();
        let mut errors = &self.errors;
        errors.seek(SeekFrom::Start(0)).expect("a file can be read from its start");
        errors.read_to_end(&mut text).expect("a temporary file can be read");
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for PythonProcess {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

/// Where the scripts are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// The interpreter of the virtual environment, which is made if it is missing.
fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/python-venv");
        let output = Command::new(&script)
            .output()
            .unwrap_or_else(|error| panic!("{} could not be run: {error}", script.display()));
        assert!(
            output.status.success(),
            "this test needs Python 3.8 or later with the packages of {}, and {} could not provide them:\n{}",
            folder().join("requirements.txt").display(),
            script.display(),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8(output.stdout).expect("a path is printed").trim_end().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_and_a_test_can_talk() {
        let mut script = Python::script("spell").start();
        script.say("[1.50]");
        assert_eq!((script.line(), script.line()), ("[1.5]".to_owned(), "[1.5]".to_owned()));
        script.say("\"é\"");
        assert_eq!(script.finish(), "\"\\u00e9\"\n\"é\"\n");
    }

    #[test]
    #[should_panic(expected = "json.decoder.JSONDecodeError")]
    fn a_script_that_fails_fails_the_test_with_its_errors() {
        let _output = Python::script("spell").stdin("no JSON\n").run();
    }

    #[test]
    #[should_panic(expected = "there is no script")]
    fn a_script_that_does_not_exist_is_named() {
        let _script = Python::script("missing");
    }
}
