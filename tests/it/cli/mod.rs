//! The program's commands as child processes that call a real server.

mod audiences;
mod backup;
mod bench;
mod check;
mod copy;
mod count;
mod create_base;
mod export;
mod failed;
mod folders;
mod gateway;
mod get;
mod history;
mod import;
mod lists;
mod manual;
mod output;
mod overtaken;
mod proxy;
mod refold;
mod renamed;
mod replace;
mod resume;
mod revert;
mod rings;
mod same_member;
mod status;
mod sync;
mod token;
mod undelete;
mod words;
mod workbooks;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use memberbase::api::grpc::v1;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::Server;

/// How a command ended, with its output.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The counts of an import: created, updated, unchanged, reactivated, failed.
    #[track_caller]
    fn counts(&self) -> [u64; 5] {
        let names = ["created", "updated", "unchanged", "reactivated", "failed"];
        names.map(|name| {
            let line = self.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} in {}", self.stdout)).parse().unwrap()
        })
    }
}

/// Runs `memberbase` to its end in a blocking task, without the settings of the environment that runs the
/// tests.
async fn memberbase(arguments: &[&str]) -> Ended {
    memberbase_reading(arguments, Stdio::null()).await
}

async fn memberbase_reading(arguments: &[&str], stdin: Stdio) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    for name in ["SERVER", "TOKEN", "DATA", "STORE", "STORE_PASSWORD", "CA", "CLIENT_CERT", "CLIENT_KEY"] {
        command.env_remove(format!("MEMBERBASE_{name}"));
    }
    command.args(arguments).stdin(stdin);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it until it prints `text`, and then sends it `signal`.
async fn memberbase_stopped(arguments: &[&str], text: &'static str, signal: Signal) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.env_remove("MEMBERBASE_TOKEN").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let stopped = move || {
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut stderr = String::new();
        while !stderr.contains(text) {
            assert!(said.read_line(&mut stderr).unwrap() > 0, "the command ended with {stderr}");
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        said.read_to_string(&mut stderr).unwrap();
        let output = child.wait_with_output().unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("{} after {stderr}", output.status));
        Ended { code, stdout: String::from_utf8(output.stdout).unwrap(), stderr }
    };
    tokio::task::spawn_blocking(stopped).await.unwrap()
}

/// A server, and a folder for files.
struct World {
    server: Server,
    url: String,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        let url = format!("http://{}", server.address());
        Self { server, url, folder: tempfile::tempdir().unwrap() }
    }

    /// Creates a memberbase of this name with this attribute schema.
    async fn base(&self, name: &str, types: &[(&str, &str)]) {
        let request = v1::CreateMemberBaseRequest { name: name.into(), ..Default::default() };
        let base = self.server.base_with(request).await;
        self.server.schema(&base.id, types).await;
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        // File systems note times in steps of some milliseconds: a file may seem older than a member that was
        // created before it.
        let written = std::fs::File::options().append(true).open(self.path(name)).unwrap();
        written.set_modified(std::time::SystemTime::now()).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// `memberbase import FILE --base BASE …`
    async fn import(&self, file: &str, base: &str, more: &[&str]) -> Ended {
        let arguments = [&["import", file, "--base", base, "--server", &self.url], more].concat();
        memberbase(&arguments).await
    }

    async fn export(&self, base: &str, out: &Path, more: &[&str]) -> Ended {
        let out = out.to_str().unwrap();
        let arguments = [&["export", "--base", base, "--out", out, "--server", &self.url], more].concat();
        memberbase(&arguments).await
    }

    /// A member as `memberbase get` prints it.
    async fn get(&self, base: &str, r#ref: &str) -> serde_json::Value {
        let got = memberbase(&["get", "--base", base, "--ref", r#ref, "--server", &self.url]).await.expect(0);
        serde_json::from_str(&got.stdout).unwrap()
    }
}
