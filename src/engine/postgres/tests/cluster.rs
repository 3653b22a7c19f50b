//! A PostgreSQL server for the tests: one of their own where its programs are found, or the database of
//! `MEMBERBASE_TEST_STORE`. Every store has a schema of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::engine::postgres::dsn::Dsn;
use crate::engine::postgres::rows::random_id;

/// A server that ends with this value, or with the process.
pub(crate) struct Cluster {
    dir: PathBuf,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    child: Child,
}

impl Cluster {
    /// Starts one, if PostgreSQL is installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| String::new())
    }

    /// Starts one with the settings that `prepare` returns. It may write files into the folder, among them
    /// `server.key`.
    pub(crate) fn start_with(prepare: impl FnOnce(&Path) -> String) -> Option<Self> {
        let binaries = binaries()?;
        let dir = tempfile::Builder::new().prefix("memberbase-pg-").tempdir().unwrap().keep();
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(dir.join("extra.conf"), prepare(&dir)).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", include_str!("cluster.sh"), "sh"])
            .args([&dir, &binaries])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut cluster = Self { dir, input, output, child };
        cluster.wait();
        Some(cluster)
    }

    /// Stops it as `kill -9` would, and starts it again.
    pub(crate) fn crash(&mut self) {
        self.tell("crash");
    }

    /// Makes it a standby of nobody.
    pub(crate) fn follow(&mut self) {
        self.tell("follow");
    }

    /// Makes a standby a primary, on the next timeline.
    pub(crate) fn promote(&mut self) {
        self.tell("promote");
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        self.wait();
    }

    /// The DSN of a schema that nobody uses.
    pub(crate) fn fresh(&self) -> Dsn {
        self.database("postgres", "")
    }

    pub(crate) fn database(&self, name: &str, options: &str) -> Dsn {
        let dir = self.dir.display();
        let schema = fresh_schema();
        Dsn::parse(&format!("postgres://postgres@/{name}?host={dir}&schema={schema}{options}")).unwrap()
    }

    fn wait(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line != "ready\n" {
            let logs = ["script.log", "log"].map(|log| std::fs::read_to_string(self.dir.join(log)));
            panic!("PostgreSQL did not start: {line:?} {logs:?}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

fn fresh_schema() -> String {
    let id = random_id().unwrap();
    format!("t{:x}", u64::from_be_bytes(id[..8].try_into().unwrap()))
}

/// The folder with the programs of the newest PostgreSQL that is installed.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    let has_all =
        |folder: &Path| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
    folders.into_iter().rev().find(|folder| has_all(folder))
}

/// The DSN of a new store, in a server that all tests share; `None` without PostgreSQL.
pub(crate) fn fresh() -> Option<Dsn> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    if let Ok(text) = std::env::var("MEMBERBASE_TEST_STORE") {
        let separator = if text.contains('?') { '&' } else { '?' };
        return Some(Dsn::parse(&format!("{text}{separator}schema={}", fresh_schema())).unwrap());
    }
    let shared = SHARED.get_or_init(|| {
        let cluster = Cluster::start();
        if cluster.is_none() {
            eprintln!("PostgreSQL is not installed, so tests of the engine on it do nothing");
        }
        cluster
    });
    shared.as_ref().map(Cluster::fresh)
}
