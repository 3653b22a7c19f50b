//! The version of the program, with the commit and its day where the source is a work tree of git and not, say, an unpacked
//! archive. Both are facts of the source, so that two builds of it are the same.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A version.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// Such as `1.2.3 (0123456789ab, 2026-02-03)`, or `1.2.3` where no commit is known.
    pub text: String,
    /// What changes when it does.
    pub told_by: Vec<PathBuf>,
}

/// The version of the source in `root`, an absolute path without links, that the package has the version `package` of. `git` is
/// the program.
pub fn of(root: &Path, package: &str, git: &Path) -> Version {
    let ask = |arguments: &[&str]| ask(git, root, arguments);
    // Within somebody else's work tree its commits say nothing about this source.
    if ask(&["rev-parse", "--show-toplevel"]).map(PathBuf::from).as_deref() != Some(root) {
        return Version { text: package.to_owned(), told_by: Vec::new() };
    }
    // Each commit and each checkout writes one of these. What is not there must not be named: cargo would always build again.
    let branch = ask(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = [Some("HEAD".to_owned()), Some("logs/HEAD".to_owned()), branch];
    let paths = names.into_iter().flatten().filter_map(|name| ask(&["rev-parse", "--git-path", &name]));
    let told_by = paths.map(|path| root.join(path)).filter(|path| path.exists()).collect();
    let commit =
        ask(&["show", "--no-patch", "--no-show-signature", "--abbrev=12", "--format=%h, %cs", "HEAD"]);
    let text = commit.map_or(package.to_owned(), |commit| format!("{package} ({commit})"));
    Version { text, told_by }
}

/// What git answers about `root`, if it is there and knows.
fn ask(git: &Path, root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(git);
    // Where a hook of git builds, these name the work tree of the hook.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    let output = command.arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then(|| text.trim().to_owned())
}
