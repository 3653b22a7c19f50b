//! The version that `--version` prints, for sources with and without git. This test compiles the code of the
//! build script that determines it.

#[path = "../../build/version.rs"]
mod build;

use std::fs;
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
    let day = "2026-02-03T04:05:06Z";
    command.env("GIT_AUTHOR_DATE", day).env("GIT_COMMITTER_DATE", day).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.arg("-C").arg(folder).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_source_without_git_has_only_the_package_version() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let plain = build::Version { text: "1.2.3".to_owned(), depends_on: Vec::new() };
    assert_eq!(build::of(&root, "1.2.3", Path::new("git")), plain, "an unpacked archive");

    // An archive that was unpacked inside the work tree of another repository.
    git(&root, &["init", "--quiet"]);
    git(&root, &["commit", "--quiet", "--allow-empty", "--message", "another"]);
    let inner = root.join("vendor/memberbase");
    fs::create_dir_all(&inner).unwrap();
    assert_eq!(build::of(&inner, "1.2.3", Path::new("git")), plain, "within another work tree");

    let nowhere = root.join("no-such-program");
    assert_eq!(build::of(&root, "1.2.3", &nowhere), plain, "git is not installed");
}

#[test]
fn a_version_from_a_work_tree_has_the_commit_and_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git_is = Path::new("git");
    git(&root, &["init", "--quiet"]);
    assert_eq!(build::of(&root, "1.2.3", git_is).text, "1.2.3", "nothing was committed yet");
    git(&root, &["commit", "--quiet", "--allow-empty", "--message", "first"]);
    let first = build::of(&root, "1.2.3", git_is);
    let commit = first.text.strip_prefix("1.2.3 (").and_then(|rest| rest.strip_suffix(", 2026-02-03)"));
    let commit = commit.unwrap_or_else(|| panic!("{first:?}"));
    assert!(commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first:?}");
    assert!(first.depends_on.contains(&root.join(".git/HEAD")), "{first:?}");
    assert!(first.depends_on.iter().all(|path| path.exists()));
    git(&root, &["commit", "--quiet", "--allow-empty", "--message", "second"]);
    assert_ne!(build::of(&root, "1.2.3", git_is).text, first.text);
}
