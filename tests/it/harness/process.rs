//! The program as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use super::place::database_for;

/// The program as a child process, killed when dropped.
pub struct Process {
    child: Child,
    pub address: String,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `memberbase serve` and waits until it accepts connections.
    pub fn serve(data: &Path) -> Self {
        Self::start(&mut command(data))
    }

    /// Starts a command that runs a server, and waits until it accepts connections.
    pub fn start(command: &mut Command) -> Self {
        let mut started = Self::begin(command, "");
        started.serves();
        started
    }

    /// Starts a command that runs a server, which may wait for its store. It is at this address.
    pub fn begin(command: &mut Command, address: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, address: format!("http://{address}"), stdout }
    }

    /// Waits until it serves.
    pub fn serves(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        self.address = address.unwrap_or_else(|| panic!("said {line:?}")).to_owned();
    }

    pub fn socket(&self) -> std::net::SocketAddr {
        self.address.split_once("://").unwrap().1.parse().unwrap()
    }

    /// Its standard error, if the command pipes that. Nothing reads it before the first call of this.
    pub fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
        if signal == rustix::process::Signal::STOP {
            self.until_stopped();
        }
    }

    /// Waits until no thread of it runs: one of them has to run to take the signal, and the others go on
    /// until then.
    fn until_stopped(&self) {
        let is_stopped = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        while !std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().all(is_stopped) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// The peak of its resident memory.
    pub fn peak_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    /// The value of `key` in its environment.
    pub fn environment(&self, key: &str) -> Option<String> {
        let all = std::fs::read_to_string(format!("/proc/{}/environ", self.child.id())).unwrap();
        all.split('\0').find_map(|entry| entry.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `memberbase serve` on a free port and the store at `data`, without the settings of the environment that
/// runs the tests.
pub fn command(data: &Path) -> Command {
    if let Some(database) = database_for(data) {
        let url = database.url();
        let mut command = database.memberbase(&["serve", "--store", &url, "--listen", "127.0.0.1:0"]);
        command.args([
            "--memory",
            "128MiB",
            "--admin-listen",
            "off",
            "--drain-pause",
            "0s",
            "--log",
            "error",
        ]);
        return command;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    for key in memberbase::config::keys() {
        command.env_remove(memberbase::config::variable(key));
    }
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--reserve", "1MiB", "--memory", "128MiB"])
        .args(["--admin-listen", "off", "--drain-pause", "0s", "--log", "error", "--data"])
        .arg(data);
    command
}

/// A command on the store at `data`, which no server uses.
pub fn offline(data: &Path, arguments: &[&str]) -> Command {
    if let Some(database) = database_for(data) {
        let mut command = database.memberbase(arguments);
        command.args(["--store", &database.url()]);
        return command;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.env_remove("MEMBERBASE_SERVER").env_remove("MEMBERBASE_TOKEN");
    command.args(arguments).arg("--data").arg(data);
    command
}

/// Runs a command to its end and returns its exit code and its standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}
