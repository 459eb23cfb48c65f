//! Calls the `ratemill` binary and shows all of it when something is not as expected.
//!
//! Apart from the tests so that each of them reads as: this folder, these words, this outcome. It knows nothing of what
//! a run means. No test inherits keys, colours or output folders from whoever starts it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A run that takes longer than this hangs; the machine of the tests may be slow and busy.
const PATIENCE: Duration = Duration::from_secs(900);

/// One call of the binary, being put together.
pub(crate) struct Call {
    command: Command,
    words: String,
    nobody_reads: bool,
}

/// A call under way.
pub(crate) struct Running {
    child: Child,
    stdout: File,
    stderr: File,
    words: String,
}

/// A call that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    words: String,
}

/// The binary with these words.
pub(crate) fn ratemill<S: AsRef<OsStr>>(words: &[S]) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ratemill"));
    command.args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let inherited = name.to_string_lossy().into_owned();
        if ["AWS_", "RATEMILL_", "OUTPUT_ROOT", "USAGE_ROOT", "REFERENCE_ROOT", "RUST_LOG", "CLICOLOR"]
            .iter()
            .any(|start| inherited.starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1");
    let words: Vec<String> = words.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
    Call { command, words: words.join(" "), nobody_reads: false }
}

impl Call {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, pairs: &[(String, String)]) -> Self {
        for (name, value) in pairs {
            self.command.env(name, value);
        }
        self
    }

    pub(crate) fn cwd(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn words(mut self, more: &[&str]) -> Self {
        self.command.args(more);
        self.words = format!("{} {}", self.words, more.join(" "));
        self
    }

    /// Its standard output is a pipe that nobody reads.
    pub(crate) fn unread(mut self) -> Self {
        self.nobody_reads = true;
        self
    }

    pub(crate) fn start(mut self) -> Running {
        // Files, not pipes: a pipe nobody reads would block the child while a test waits for another one.
        let stdout = tempfile::tempfile().unwrap();
        let stderr = tempfile::tempfile().unwrap();
        self.command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        if self.nobody_reads {
            let (_, writer) = std::io::pipe().unwrap();
            self.command.stdout(writer);
        }
        let child = self.command.spawn().unwrap();
        Running { child, stdout, stderr, words: self.words }
    }

    pub(crate) fn run(self) -> Ran {
        self.start().wait()
    }
}

impl Running {
    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Ran {
        // It may have ended by itself, which is one of the moments a kill can come at.
        let _ = self.child.kill();
        self.wait()
    }

    pub(crate) fn wait(mut self) -> Ran {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if since.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("`ratemill {}` hangs\n{}", self.words, read(&mut self.stderr));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran { status, stdout: read(&mut self.stdout), stderr: read(&mut self.stderr), words: self.words }
    }
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Ran {
    /// Asserts the exit code; a panic of the engine never passes.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked at"), "it panicked: {self}");
        assert_eq!(self.status.code(), Some(code), "exit code: {self}");
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Asserts that stderr has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}: {self}");
        self
    }

    /// The one JSON object on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|cause| panic!("stdout is not one JSON value ({cause}): {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr, words } = self;
        write!(f, "`ratemill {words}` ended with {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// The workspace this test was built from.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A new folder that goes away with its value.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("ratemill-it-").tempdir().unwrap()
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Copies everything below `from`.
pub(crate) fn copy(from: &Path, to: &Path) {
    for (name, path) in files(from) {
        write(&to.join(name), fs::read(path).unwrap());
    }
}

/// Every file below `folder`: relative name with `/`, path; none when there is no folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, path);
            }
        }
    }
    found
}

/// Every file below `folder` with the digest of its bytes.
pub(crate) fn digests(folder: &Path) -> BTreeMap<String, String> {
    files(folder).into_iter().map(|(name, path)| (name, digest(&fs::read(path).unwrap()))).collect()
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Asserts that two trees are the same, naming only what differs.
#[track_caller]
pub(crate) fn same_bytes(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>, what: &str) {
    let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    let extra: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    let changed: Vec<_> =
        expected.iter().filter(|(name, digest)| found.get(*name).is_some_and(|other| other != *digest)).collect();
    assert!(!expected.is_empty(), "{what}: nothing to compare with");
    assert!(
        missing.is_empty() && extra.is_empty() && changed.is_empty(),
        "{what}: missing {missing:#?}, extra {extra:#?}, other bytes {changed:#?}"
    );
}

/// A JSON string or number as text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// A decimal without its trailing zeros, so that `1.50` and `1.5` are one; any other text as it is.
pub(crate) fn plain(number: &str) -> String {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let decimal = digits.contains('.') && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let short = if decimal { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    if short == "-0" || short == "-" { "0".to_owned() } else { short.to_owned() }
}

/// A program of the Python environment that `bash .ci/test` sets up.
#[track_caller]
pub(crate) fn tool(name: &str) -> PathBuf {
    let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || home("XDG_CACHE_HOME").or_else(|| home("HOME").map(|home| home.join(".cache")));
    let venv = home("RATEMILL_VENV").or_else(|| cache().map(|cache| cache.join("ratemill/venv")));
    let tool = venv.unwrap_or_default().join("bin").join(name);
    assert!(tool.exists(), "`{}` is missing: run `bash .ci/test`, which sets it up", tool.display());
    tool
}

/// A number from the environment of whoever starts the tests.
pub(crate) fn asked(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Says something that is seen even when the test passes.
pub(crate) fn announce(message: &str) {
    let _ = writeln!(std::io::stderr(), "\n!!! {message}\n");
}

/// Runs the job in `at` for October 2026; how it ended, how long it took, and its most memory in MiB.
pub(crate) fn measured(at: &Path) -> (Ran, Duration, u64) {
    let words = ["run", "pipeline.yaml", "--period", "2026-10", "--format", "json", "--metrics", "run.prom"];
    let start = Instant::now();
    let ran = ratemill(&words).cwd(at).run().ok();
    let took = start.elapsed();
    let metrics = fs::read_to_string(at.join("run.prom")).unwrap();
    let peak = metrics.lines().find(|line| line.starts_with("ratemill_run_peak_memory_bytes{"));
    let peak = peak.and_then(|line| line.rsplit(' ').next()).map_or(0, |bytes| bytes.parse::<u64>().unwrap());
    (ran, took, peak >> 20)
}
