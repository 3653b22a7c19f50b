//! A PostgreSQL for tests: the one of `MEMBERBASE_TEST_STORE`, or one that this process starts if its
//! binaries are there. Each store has a schema of its own in it. Without either, tests of stores in databases
//! have nothing to run on.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use memberbase::config::{PASSWORD, Secret, StoreUrl, keys, variable};
use memberbase::engine::Engine;
use memberbase::engine::postgres::{Contention, Dsn, PostgresConfig, PostgresEngine};

/// The address of a database for tests, which may have a password.
const TEST_STORE: &str = "MEMBERBASE_TEST_STORE";
/// Starts a server, waits until the input ends, and removes everything. This process holds the other end of
/// the input, so that the server ends with it, however it ends.
const LIFE: &str = r#"
set -eu
dir=$1 bin=$2
"$bin/initdb" -D "$dir/data" -U memberbase -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$bin/pg_ctl" start -w -D "$dir/data" -l "$dir/log" \
  -o "-c listen_addresses= -c unix_socket_directories=$dir -c max_connections=200 -c fsync=off" >/dev/null || { cat "$dir/log"; exit 1; }
echo ready
cat >/dev/null || true
"$bin/pg_ctl" stop -m immediate -D "$dir/data" >/dev/null 2>&1 || true
rm -rf "$dir"
"#;

/// The database of this process.
struct Shared {
    url: String,
    password: Option<String>,
    /// What starts and stops it, its folder, and its binaries, if this process started it.
    own: Option<(Child, PathBuf, PathBuf)>,
}

/// A schema in the database, for one store.
pub struct Database {
    shared: &'static Shared,
    pub schema: String,
}

/// A database for a store, in which there is none yet; `None` if there is no database to test with.
pub fn database() -> Option<Database> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    static STORES: AtomicU32 = AtomicU32::new(0);
    let Some(shared) = SHARED.get_or_init(shared) else {
        eprintln!("no PostgreSQL was found, and {TEST_STORE} is not set: nothing is tested");
        return None;
    };
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    Some(Database { shared, schema: format!("test_{}_{number}", std::process::id()) })
}

fn shared() -> Option<Shared> {
    if let Ok(text) = std::env::var(TEST_STORE) {
        let (url, password) = StoreUrl::parse(&text).unwrap();
        let password = password.map(|password| password.reveal().to_owned());
        return Some(Shared { url: url.to_string(), password, own: None });
    }
    let binaries = binaries()?;
    let dir = tempfile::tempdir().unwrap().keep();
    let mut command = Command::new("sh");
    if rustix::process::geteuid().is_root() {
        // It refuses to run as root.
        assert!(Command::new("chown").arg("postgres").arg(&dir).status().unwrap().success());
        command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "sh"]);
    }
    command.args(["-c", LIFE, "sh"]).arg(&dir).arg(&binaries).current_dir("/");
    let mut life = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(life.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said.trim(), "ready");
    let url = format!("postgres://memberbase@/postgres?host={}", dir.display());
    Some(Shared { url, password: None, own: Some((life, dir, binaries)) })
}

/// The folder with the newest binaries of the distribution, or those in PATH.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_all =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
    let newest = versions.filter(has_all).max_by_key(|folder| {
        let version =
            folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok());
        version.unwrap_or_default()
    });
    newest.or_else(|| std::env::split_paths(&path).find(has_all))
}

impl Database {
    /// The address of the store, without a password.
    pub fn url(&self) -> String {
        self.url_with("")
    }

    /// The same with other options.
    pub fn url_with(&self, options: &str) -> String {
        let url = &self.shared.url;
        format!("{url}{}schema={}{options}", if url.contains('?') { '&' } else { '?' }, self.schema)
    }

    /// The same as settings, with the password.
    pub fn store(&self) -> (StoreUrl, Option<Secret>) {
        (StoreUrl::parse(&self.url()).unwrap().0, self.shared.password.as_deref().map(Secret::of))
    }

    /// The engine of the store, once no server owns it.
    pub async fn engine(&self) -> Arc<dyn Engine> {
        let dsn = Dsn::parse(&self.url()).unwrap();
        let dsn = match &self.shared.password {
            Some(password) => dsn.with_password(password.clone()),
            None => dsn,
        };
        let opened = PostgresEngine::open(PostgresConfig::new(dsn), Contention::Wait(&|_| {})).await;
        Arc::new(opened.unwrap())
    }

    /// The program, without the settings of the environment that runs the tests.
    pub fn memberbase(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
        for key in keys() {
            command.env_remove(variable(key));
        }
        command.env_remove("MEMBERBASE_TOKEN").env_remove("MEMBERBASE_SERVER").args(arguments);
        if let Some(password) = &self.shared.password {
            command.env(PASSWORD, password);
        }
        command
    }

    /// A server on the store, which listens on `address`.
    pub fn serve(&self, address: &str) -> Command {
        self.serve_at(&self.url(), address)
    }

    /// A server on the database with this address.
    pub fn serve_at(&self, url: &str, address: &str) -> Command {
        let mut command = self.memberbase(&["serve", "--store", url, "--listen", address]);
        command.args(["--memory", "128MiB", "--admin-listen", "off", "--drain-pause", "0s", "--log", "warn"]);
        command
    }

    /// The folder with the socket of a server that this process started; `None` if it did not.
    pub fn socket_folder(&self) -> Option<&Path> {
        self.shared.own.as_ref().map(|(_, dir, _)| dir.as_path())
    }

    /// Runs SQL as the owner of a server that this process started; `None` if it did not.
    pub fn sql(&self, text: &str) -> Option<String> {
        let (_, dir, binaries) = self.shared.own.as_ref()?;
        let program = binaries.join("psql");
        let program = if program.exists() { program } else { "psql".into() };
        let mut command = Command::new(program);
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "memberbase",
            "-d",
            "postgres",
            "-h",
        ]);
        let ran = command.arg(dir).args(["-c", text]).output().unwrap();
        assert!(ran.status.success(), "{text}: {}", String::from_utf8_lossy(&ran.stderr));
        Some(String::from_utf8(ran.stdout).unwrap())
    }
}
