//! Refuses to overwrite what a command reads, and to write among the files of a store or a backup.

use std::path::{Path, PathBuf};

use super::identity::Identity;
use crate::cli::Error;
use crate::server::backup;

/// Refuses to write a file that the command also reads; `-` stands for standard input.
pub fn refuse_overwriting<'a>(written: &Path, read: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
    let Some(target) = Identity::at(written) else { return Ok(()) };
    for path in read {
        let source = if path == Path::new("-") { Identity::stdin() } else { Identity::at(path) };
        if source == Some(target) && is_kept(written) {
            return Err(Error::Usage(format!(
                "{} would be overwritten while it is read (as {}); give another file to write",
                written.display(),
                path.display()
            )));
        }
    }
    Ok(())
}

/// Refuses to write a file into a data directory or a backup, where it could take the name of one of their
/// files.
pub fn refuse_inside_store(written: &Path) -> Result<(), Error> {
    backup::refuse_inside(written).map_err(|error| Error::Usage(error.to_string()))
}

/// Refuses two folders if they are the same, or one lies inside the other.
pub fn refuse_nesting(written: &Path, read: &Path) -> Result<(), Error> {
    if is_within(written, read) || is_within(read, written) {
        return Err(Error::Usage(format!(
            "{} and {} are the same folder, or one lies inside the other; a folder that is read must not be \
             written",
            written.display(),
            read.display()
        )));
    }
    Ok(())
}

/// Whether the path keeps what is written to it. A device, such as a terminal, may be both input and output.
fn is_kept(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether `inner` is the folder `outer`, or lies inside it at any depth.
fn is_within(inner: &Path, outer: &Path) -> bool {
    let Some(outer) = Identity::at(outer) else { return false };
    let absolute = std::path::absolute(inner).unwrap_or_else(|_| inner.to_owned());
    // A path that does not exist yet lies where its first existing parent lies.
    let existing = absolute.ancestors().find_map(|path| path.canonicalize().ok());
    let existing: PathBuf = existing.unwrap_or(absolute);
    existing.ancestors().any(|path| Identity::at(path) == Some(outer))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{refuse_nesting, refuse_overwriting};

    #[test]
    fn a_file_is_known_by_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("list"), "x").unwrap();
        fs::write(at("other"), "x").unwrap();
        symlink(at("list"), at("soft")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        fs::hard_link(at("list"), at("hard")).unwrap();
        let list = at("list");
        for name in ["list", "soft", "hard", "../list", "./list"] {
            let written = if name.starts_with("..") {
                fs::create_dir_all(at("sub")).unwrap();
                at("sub").join(name)
            } else {
                at(name)
            };
            assert!(refuse_overwriting(&written, [Path::new("/nowhere"), &list]).is_err(), "{name}");
        }
        for name in ["other", "new", "dangling"] {
            assert!(refuse_overwriting(&at(name), [list.as_path()]).is_ok(), "{name}");
        }
        assert!(refuse_overwriting(Path::new("/dev/null"), [Path::new("/dev/null")]).is_ok());
    }

    #[test]
    fn folders_may_not_lie_in_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("data/log")).unwrap();
        fs::create_dir_all(at("data2")).unwrap();
        symlink(at("data/log"), at("link")).unwrap();
        for written in ["data", "data/log", "data/new/deep", "link", "link/new", "data2/../data", ""] {
            assert!(refuse_nesting(&at(written), &at("data")).is_err(), "{written}");
        }
        for written in ["data2", "new", "data-new"] {
            assert!(refuse_nesting(&at(written), &at("data")).is_ok(), "{written}");
        }
    }
}
