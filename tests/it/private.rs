//! New files and folders are accessible to their owner only, with any umask; also `serve --print-config` and
//! `--version`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::harness::{Process, command};

/// The same command with an umask that removes no rights.
fn open_to_all(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

fn memberbase(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.args(arguments).env_remove("MEMBERBASE_SERVER").env_remove("MEMBERBASE_TOKEN");
    open_to_all(&command).output().unwrap()
}

/// The files and folders below `path`, including `path`, that other users have any rights to.
fn open(path: &Path, found: &mut Vec<PathBuf>) {
    if fs::metadata(path).unwrap().permissions().mode() & 0o077 != 0 {
        found.push(path.to_owned());
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open(&entry.unwrap().path(), found);
        }
    }
}

#[test]
fn only_the_owner_may_access_data_backups_and_failed_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    let mut server = Process::start(&mut open_to_all(&command(&path("data"))));
    fs::write(path("members.csv"), "ref,email\na,a@example.com\nb,nothing\n").unwrap();
    let at = ["--server", &server.address];
    let import =
        memberbase(&[&["import", &text("members.csv"), "--base", "B", "--create-base"][..], &at].concat());
    assert_eq!(import.status.code(), Some(1), "{import:?}");
    let backup = memberbase(&[&["backup", "--out", &text("backup")][..], &at].concat());
    assert!(backup.status.success(), "{backup:?}");
    let export = memberbase(&[&["export", "--base", "B", "--out", &text("export.csv")][..], &at].concat());
    assert!(export.status.success(), "{export:?}");
    server.signal(Signal::TERM);
    server.wait();
    let mut found = Vec::new();
    for name in ["data", "backup", "members.failed.csv", "export.csv"] {
        open(&path(name), &mut found);
    }
    assert_eq!(found, Vec::<PathBuf>::new());
}

#[test]
fn a_warning_reports_a_data_directory_that_others_may_read() {
    let data = tempfile::tempdir().unwrap();
    let log_of = |mode| {
        fs::set_permissions(data.path(), fs::Permissions::from_mode(mode)).unwrap();
        let mut server = Process::start(command(data.path()).args(["--log", "warn"]).stderr(Stdio::piped()));
        let mut log = server.stderr();
        server.signal(Signal::TERM);
        server.wait();
        std::io::read_to_string(&mut log).unwrap()
    };
    assert!(log_of(0o755).contains("other users of this machine may read the data directory"));
    assert!(!log_of(0o700).contains("other users"));
    // The server leaves rights unchanged that the user chose.
    log_of(0o750);
    assert_eq!(fs::metadata(data.path()).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn printed_settings_can_be_used_as_a_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    let print = |more: &[&str]| {
        let output = command(folder.path()).arg("--print-config").args(more).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = print(&["--grace", "1h30m", "--memory", "1G", "--body-limit", "10MB"]);
    for line in ["grace = \"90m\"", "memory = \"1GiB\"", "body-limit = \"10000000\"", "# tls-cert = \"\""] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in {printed}");
    }
    fs::write(&file, &printed).unwrap();
    let mut again = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    for key in memberbase::config::keys() {
        again.env_remove(memberbase::config::variable(key));
    }
    let again = again.args(["serve", "--print-config", "--config"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "printing creates no store");
}

#[test]
fn the_version_has_the_commit_and_day_of_the_build() {
    let output = memberbase(&["--version"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, format!("memberbase {}\n", memberbase::VERSION));
    let commit =
        Command::new("git").args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    // A build without git, or outside a work tree, knows no commit.
    let Ok(commit) = commit else { return };
    if commit.status.success() && printed.contains('(') {
        let commit = String::from_utf8(commit.stdout).unwrap();
        let told = printed.split(['(', ',']).nth(1).unwrap();
        assert!(told.len() >= 12 && commit.starts_with(told), "{printed}");
    }
}
