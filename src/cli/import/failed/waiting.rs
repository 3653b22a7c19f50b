//! Rows that are tried once more stand in the file of failed rows for as long as that takes.
//!
//! - From before they are tried until it is known which of them fail, all of them stand at the end of the file. So an import
//!   that is killed meanwhile leaves no row out of it; a row that went through all the same changes nothing when it comes again.
//! - Then another file takes the place of this one, in one step: what stood before them, and those that failed.
//! - A file of an earlier import is put aside meanwhile, and comes back if no row of this one fails in the end; otherwise it
//!   is kept, see [`super::kept`].

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{FailedRows, Out, Row, RowFailure, create_private};
use crate::cli::Error;

/// Rows that wait in the file.
#[must_use = "they stay in the file until they are settled"]
pub struct Waiting {
    /// The file, whatever links lead to it.
    file: PathBuf,
    /// The bytes of the file before them; none if the file was made for them.
    before: u64,
    /// Where the file of an earlier import is.
    aside: Option<PathBuf>,
}

impl FailedRows {
    /// Writes rows that wait to be tried again. `None` where they could not be taken back, as from a pipe: nothing is written
    /// then.
    pub fn write_waiting<'a>(
        &mut self,
        rows: impl Iterator<Item = (Row<'a>, &'a RowFailure)>,
    ) -> Result<Option<Waiting>, Error> {
        self.flush()?;
        let waiting = match fs::metadata(&self.path) {
            Ok(there) if !there.is_file() => return Ok(None),
            Ok(there) => self.beside_what_is_there(there.len())?,
            Err(_) => Waiting { file: self.path.clone(), before: 0, aside: None },
        };
        rows.into_iter().try_for_each(|(row, failure)| self.write(row, failure))?;
        self.flush()?;
        Ok(Some(waiting))
    }

    fn beside_what_is_there(&self, bytes: u64) -> Result<Waiting, Error> {
        let file = fs::canonicalize(&self.path).map_err(Error::file("find", &self.path))?;
        if self.out.is_some() {
            return Ok(Waiting { file, before: bytes, aside: None });
        }
        let aside = beside(&file, "before");
        fs::rename(&file, &aside).map_err(Error::file("rename", &file))?;
        Ok(Waiting { file, before: 0, aside: Some(aside) })
    }

    /// Leaves those of the waiting rows in the file that failed in the end.
    pub fn settle(&mut self, waiting: Waiting, rows: &[(Row<'_>, &RowFailure)]) -> Result<(), Error> {
        let Waiting { file, before, aside } = waiting;
        if before == 0 && rows.is_empty() {
            self.out = None;
            let undone = match aside {
                Some(aside) => fs::rename(aside, &file),
                None => fs::remove_file(&file),
            };
            return undone.map_err(Error::file("remove", &file));
        }
        let part = beside(&file, "part");
        self.out = Some(self.begin_again(&file, before, &part).map_err(Error::file("write", &part))?);
        rows.iter().try_for_each(|(row, failure)| self.write(*row, failure))?;
        self.flush()?;
        fs::rename(&part, &file).map_err(Error::file("rename", &part))?;
        aside.map_or(Ok(()), |aside| self.keep(&aside, &file))
    }

    /// The file once more as `part`, as far as it goes before the waiting rows.
    fn begin_again(&self, file: &Path, before: u64, part: &Path) -> io::Result<Out> {
        let mut new = create_private(part)?;
        if before == 0 {
            return self.begin(new);
        }
        io::copy(&mut File::open(file)?.take(before), &mut new)?;
        Ok(self.go_on(new))
    }
}

/// A name beside the file's that is of this process alone.
pub(super) fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{what}-{}", std::process::id()));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::Arc;

    use super::*;
    use crate::cli::import::chunks::Format;
    use crate::cli::import::missing::Keys;
    use crate::cli::import::rows::{Collector, Rows};

    fn rows(lines: &[u64]) -> Vec<Rows> {
        let row = |line: &u64| {
            let mut collector = Collector::default();
            collector.push(*line, [format!("{{\"ref\":\"r{line}\"}}").as_bytes()]);
            collector.finish().unwrap()
        };
        lines.iter().map(row).collect()
    }

    fn failure(reason: &'static str) -> RowFailure {
        RowFailure::new(reason, "email", "")
    }

    /// The lines of the rows in a file, each with its reason.
    fn read(path: &Path) -> Vec<(u64, String)> {
        let text = fs::read_to_string(path).unwrap();
        let line = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let failed = &row["failed"];
            (failed["line"].as_u64().unwrap(), failed["reason"].as_str().unwrap().to_owned())
        };
        text.lines().map(line).collect()
    }

    struct World {
        folder: tempfile::TempDir,
        failed: FailedRows,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let failed =
                FailedRows::new(folder.path().join("failed.ndjson"), Arc::new(Format::Ndjson(Keys::NONE)));
            Self { folder, failed }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("failed.ndjson")
        }

        fn write(&mut self, lines: &[u64]) {
            for row in &rows(lines) {
                self.failed.write(row.get(0).unwrap(), &failure("FIRST")).unwrap();
            }
        }

        fn wait(&mut self, lines: &[u64]) -> Option<Waiting> {
            let (rows, failure) = (rows(lines), failure("TAKEN"));
            self.failed.write_waiting(rows.iter().map(|row| (row.get(0).unwrap(), &failure))).unwrap()
        }

        fn settle(&mut self, waiting: Waiting, lines: &[u64]) {
            let (rows, failure) = (rows(lines), failure("LAST"));
            let rows: Vec<_> = rows.iter().map(|row| (row.get(0).unwrap(), &failure)).collect();
            self.failed.settle(waiting, &rows).unwrap();
        }

        fn files(&self) -> usize {
            fs::read_dir(self.folder.path()).unwrap().count()
        }
    }

    fn of(reason: &str, lines: &[u64]) -> Vec<(u64, String)> {
        lines.iter().map(|line| (*line, reason.to_owned())).collect()
    }

    #[test]
    fn waiting_rows_stand_in_the_file_until_they_are_settled() {
        let mut world = World::new();
        world.write(&[1, 5]);
        let waiting = world.wait(&[2, 3, 4]).unwrap();
        assert_eq!(read(&world.path()), [of("FIRST", &[1, 5]), of("TAKEN", &[2, 3, 4])].concat());
        world.settle(waiting, &[3]);
        assert_eq!(read(&world.path()), [of("FIRST", &[1, 5]), of("LAST", &[3])].concat());
        world.write(&[9]);
        world.failed.flush().unwrap();
        assert_eq!(read(&world.path()).last().unwrap().0, 9);
        assert_eq!(fs::metadata(world.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((world.files(), world.failed.path()), (1, Some(&world.path())));
    }

    #[test]
    fn a_file_that_was_made_for_waiting_rows_goes_with_them() {
        let mut world = World::new();
        let waiting = world.wait(&[2, 3]).unwrap();
        assert_eq!(read(&world.path()), of("TAKEN", &[2, 3]));
        world.settle(waiting, &[]);
        assert_eq!((world.files(), world.failed.path()), (0, None));
        let waiting = world.wait(&[2, 3]).unwrap();
        world.settle(waiting, &[3]);
        assert_eq!(read(&world.path()), of("LAST", &[3]));
        assert_eq!(world.files(), 1);
    }

    #[test]
    fn a_file_of_an_earlier_import_comes_back_or_is_kept_if_a_row_fails() {
        let mut world = World::new();
        fs::write(world.path(), "earlier").unwrap();
        let waiting = world.wait(&[2]).unwrap();
        assert_eq!(read(&world.path()), of("TAKEN", &[2]));
        world.settle(waiting, &[]);
        assert_eq!((fs::read_to_string(world.path()).unwrap().as_str(), world.files()), ("earlier", 1));
        let waiting = world.wait(&[2]).unwrap();
        world.settle(waiting, &[2]);
        assert_eq!((read(&world.path()), world.files()), (of("LAST", &[2]), 2));
        let kept = world.failed.kept().unwrap().unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "earlier");
    }

    #[test]
    fn a_link_stays_one_and_what_cannot_be_taken_back_is_not_written() {
        let mut world = World::new();
        let target = world.folder.path().join("elsewhere");
        symlink(&target, world.path()).unwrap();
        world.write(&[1]);
        let waiting = world.wait(&[2]).unwrap();
        world.settle(waiting, &[]);
        assert!(fs::symlink_metadata(world.path()).unwrap().is_symlink());
        assert_eq!(read(&target), of("FIRST", &[1]));
        let socket = world.folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let mut failed = FailedRows::new(socket, Arc::new(Format::Ndjson(Keys::NONE)));
        assert!(failed.write_waiting(std::iter::empty()).unwrap().is_none() && failed.path().is_none());
    }
}
