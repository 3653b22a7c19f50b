//! The version of the program. It includes the commit and its date if the source is a git work tree (and not,
//! for example, an unpacked archive). Both are facts of the source, so two builds of it are the same.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A version.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// For example `1.2.3 (0123456789ab, 2026-02-03)`, or `1.2.3` if no commit is known.
    pub text: String,
    /// The files that git changes with every commit and checkout.
    pub depends_on: Vec<PathBuf>,
}

/// The version of the source in `root`, an absolute path without symbolic links. `package` is the version of
/// the package, `git` the path of the program.
pub fn of(root: &Path, package: &str, git: &Path) -> Version {
    let ask = |arguments: &[&str]| ask(git, root, arguments);
    // If the source lies inside the work tree of another project, the commits there are not of this source.
    if ask(&["rev-parse", "--show-toplevel"]).map(PathBuf::from).as_deref() != Some(root) {
        return Version { text: package.to_owned(), depends_on: Vec::new() };
    }
    // Each commit and each checkout writes one of these. A missing file must not be listed, because cargo
    // would then rebuild every time.
    let branch = ask(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = [Some("HEAD".to_owned()), Some("logs/HEAD".to_owned()), branch];
    let paths = names.into_iter().flatten().filter_map(|name| ask(&["rev-parse", "--git-path", &name]));
    let depends_on = paths.map(|path| root.join(path)).filter(|path| path.exists()).collect();
    let commit =
        ask(&["show", "--no-patch", "--no-show-signature", "--abbrev=12", "--format=%h, %cs", "HEAD"]);
    let text = commit.map_or(package.to_owned(), |commit| format!("{package} ({commit})"));
    Version { text, depends_on }
}

/// The output of a git command in `root`; none if git is missing or fails.
fn ask(git: &Path, root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(git);
    // If a git hook runs the build, these point to the work tree of the hook.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    let output = command.arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then(|| text.trim().to_owned())
}
