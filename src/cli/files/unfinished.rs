//! Unfinished files: a file is written under another name until it is complete, so that half a file never has
//! its name.
//!
//! - The unfinished file stands beside the file and has [`ENDING`] after its name. Only this program uses
//!   that ending, so an unfinished file that no command has locked was left by a killed command, and is
//!   removed.
//! - An existing file is never written to, and an entry that is not a plain file stays: a link may lead to a
//!   file of somebody else.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::alone::{create_alone, open_alone};

/// What is appended to the name of an unfinished file.
const ENDING: &str = ".memberbase-part";

/// The path of the unfinished file.
pub fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// Creates an unfinished file, which no other command writes until the handle is closed. `None` if another
/// command writes it.
pub fn begin(part: &Path) -> io::Result<Option<File>> {
    if let Some(made) = create_alone(part)? {
        return Ok(Some(made));
    }
    if fs::symlink_metadata(part).is_ok_and(|there| !there.is_file()) {
        let why = format!("{} is in the way; move it elsewhere", part.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    // While this handle is held, no other command writes or removes the file.
    let Some(_left) = open_alone(part)? else { return Ok(None) };
    fs::remove_file(part)?;
    create_alone(part)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn files_of_a_killed_command_are_removed_and_those_of_a_running_one_stay() {
        let folder = tempfile::tempdir().unwrap();
        let part = unfinished(&folder.path().join("list.csv"));
        assert_eq!(part, folder.path().join("list.csv.memberbase-part"));
        fs::write(&part, "left by one that was killed").unwrap();
        fs::set_permissions(&part, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&part, folder.path().join("kept")).unwrap();
        let made = begin(&part).unwrap().unwrap();
        let about = made.metadata().unwrap();
        assert_eq!((about.len(), about.permissions().mode() & 0o777), (0, 0o600));
        assert!(begin(&part).unwrap().is_none());
        let kept = fs::read_to_string(folder.path().join("kept")).unwrap();
        assert_eq!(kept, "left by one that was killed", "nothing is written into what was there");
    }

    #[test]
    fn an_entry_that_is_not_a_plain_file_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let (part, theirs) = (folder.path().join("part"), folder.path().join("theirs"));
        for target in [&theirs, &folder.path().join("nothing")] {
            fs::write(&theirs, "theirs").unwrap();
            symlink(target, &part).unwrap();
            assert!(begin(&part).unwrap_err().to_string().contains("is in the way"));
            assert_eq!((fs::read_to_string(&theirs).unwrap().as_str(), part.is_symlink()), ("theirs", true));
            fs::remove_file(&part).unwrap();
        }
        fs::create_dir(&part).unwrap();
        assert!(begin(&part).unwrap_err().to_string().contains("is in the way"));
    }
}
