//! The server that bench starts, as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::Error;
use crate::tasks;

/// The text that `serve` prints before the address when it is ready.
const LISTENING: &str = "listening on ";

/// A child process that serves from a folder.
pub struct OwnServer {
    child: Child,
    url: String,
    data: PathBuf,
    arguments: Vec<String>,
    /// Whether to remove the folder at the end.
    temporary: bool,
    /// From the start of the process until it serves.
    pub opened_in: Duration,
}

impl OwnServer {
    pub fn start(data: Option<PathBuf>, arguments: Vec<String>) -> Result<Self, Error> {
        if arguments.iter().any(|argument| argument == "--data" || argument.starts_with("--data=")) {
            return Err(Error::Usage(
                "give --data before the --, so that bench knows where the data is".into(),
            ));
        }
        let temporary = data.is_none();
        // In the current folder rather than in /tmp, which is often held in memory.
        let data = data.unwrap_or_else(|| PathBuf::from(format!("memberbase-bench-{}", std::process::id())));
        let (child, url, opened_in) = spawn(&data, &arguments)?;
        Ok(Self { child, url, data, arguments, temporary, opened_in })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Stops the server with SIGTERM, and returns how long that took.
    pub fn stop(&mut self) -> Result<Duration, Error> {
        let begun = Instant::now();
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::Broken("the server has no process id".into()))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|error| Error::Broken(format!("cannot stop the server: {error}")))?;
        let status = self.child.wait().map_err(Error::file("wait for", Path::new("the server")))?;
        if !status.success() {
            return Err(Error::Broken(format!("the server stopped with {status}")));
        }
        Ok(begun.elapsed())
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().map_err(Error::file("kill", Path::new("the server")))?;
        self.child.wait().map_err(Error::file("wait for", Path::new("the server")))?;
        Ok(())
    }

    /// Starts the server again on the same folder.
    pub fn start_again(&mut self) -> Result<(), Error> {
        (self.child, self.url, self.opened_in) = spawn(&self.data, &self.arguments)?;
        Ok(())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.temporary {
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

fn spawn(data: &Path, arguments: &[String]) -> Result<(Child, String, Duration), Error> {
    let begun = Instant::now();
    let program = std::env::current_exe().map_err(Error::file("find", Path::new("this program")))?;
    let mut child = Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--drain-pause", "0s", "--data"])
        .arg(data)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Error::file("start", Path::new("a server")))?;
    let url = child.stdout.take().and_then(|stdout| {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let url = lines.by_ref().find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
        // Keep reading, or the pipe fills up and the server blocks.
        tasks::vital_thread("server-output", move || lines.for_each(drop)).ok()?;
        url
    });
    match url {
        Some(url) => Ok((child, url, begun.elapsed())),
        None => {
            let _ = child.kill();
            let status = child.wait().map_err(Error::file("wait for", Path::new("the server")))?;
            Err(Error::Broken(format!("the server did not start: {status}")))
        }
    }
}
