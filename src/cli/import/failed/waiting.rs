//! Rows that are tried once more stand in the file of failed rows for as long as that takes.
//!
//! - From before they are tried until it is known which of them fail, all of them stand in the file, each in its place. So an
//!   import that is killed meanwhile leaves no row out of it; a row that went through all the same changes nothing when it
//!   comes again.
//! - Then another file takes the place of this one, in one step: without those that went through, and with marks on those that
//!   were overtaken.
//! - A file of an earlier import is put aside meanwhile, and comes back if no row of this one fails in the end; otherwise it
//!   is kept, see [`super::kept`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::again::Changes;
use super::{FailedRows, Row, RowFailure};
use crate::cli::Error;

/// Rows that wait in the file.
#[must_use = "they stay in the file until they are settled"]
pub struct Waiting {
    /// The file, whatever links lead to it.
    file: PathBuf,
    /// The lines of the rows.
    lines: BTreeSet<u64>,
    /// Whether the file was made for them.
    is_new: bool,
    /// Where the file of an earlier import is.
    aside: Option<PathBuf>,
}

impl FailedRows {
    /// Whether rows can be put between others, or taken out; not where they are gone once they are written, as in a pipe.
    pub fn can_be_written_again(&self) -> bool {
        fs::metadata(&self.path).map_or(true, |there| there.is_file())
    }

    /// Writes rows that wait to be tried again. `None` where they could not be taken back: nothing is written then.
    pub fn write_waiting<'a>(
        &mut self,
        rows: impl Iterator<Item = (Row<'a>, &'a RowFailure)>,
    ) -> Result<Option<Waiting>, Error> {
        if !self.can_be_written_again() {
            return Ok(None);
        }
        let rows: Vec<_> = rows.collect();
        let lines = rows.iter().map(|(row, _)| row.line).collect();
        if self.out.is_some() {
            let file = self.change(&Changes { with: &rows, ..Changes::default() })?;
            return Ok(Some(Waiting { file, lines, is_new: false, aside: None }));
        }
        let (file, aside) = self.put_aside()?;
        self.write_all(&rows, &Changes::default())?;
        Ok(Some(Waiting { file, lines, is_new: true, aside }))
    }

    /// The place of the file, and where the one is that stood there.
    fn put_aside(&self) -> Result<(PathBuf, Option<PathBuf>), Error> {
        if fs::metadata(&self.path).is_err() {
            return Ok((self.path.clone(), None));
        }
        let file = fs::canonicalize(&self.path).map_err(Error::file("find", &self.path))?;
        let aside = beside(&file, "before");
        fs::rename(&file, &aside).map_err(Error::file("rename", &file))?;
        Ok((file, Some(aside)))
    }

    /// Leaves those of the waiting rows in the file that failed in the end, writes them where none waited in it, and marks the
    /// rows of `marks`, each with the line of the row that has overtaken it. False where what was written cannot be marked.
    pub fn settle(
        &mut self,
        waiting: Option<Waiting>,
        rows: &[(Row<'_>, &RowFailure)],
        marks: &BTreeMap<u64, u64>,
    ) -> Result<bool, Error> {
        let mut changes = Changes { with: rows, marks: Some(marks), ..Changes::default() };
        let Some(Waiting { file, lines, is_new, aside }) = waiting else {
            if rows.is_empty() && (marks.is_empty() || self.out.is_none()) {
                return Ok(true);
            }
            if self.out.is_some() && self.can_be_written_again() {
                return self.change(&changes).map(|_| true);
            }
            let is_all = self.out.is_none() || marks.is_empty();
            return self.write_all(rows, &changes).map(|()| is_all);
        };
        if is_new && rows.is_empty() {
            self.out = None;
            let undone = match aside {
                Some(aside) => fs::rename(aside, &file),
                None => fs::remove_file(&file),
            };
            return undone.map_err(Error::file("remove", &file)).map(|()| true);
        }
        changes.without = lines;
        self.change(&changes)?;
        aside.map_or(Ok(()), |aside| self.keep(&aside, &file)).map(|()| true)
    }

    fn write_all(&mut self, rows: &[(Row<'_>, &RowFailure)], changes: &Changes<'_>) -> Result<(), Error> {
        rows.iter().try_for_each(|(row, failure)| self.write(*row, &changes.marked(row.line, failure)))?;
        self.flush()
    }

    /// Changes the file, in one step.
    fn change(&mut self, changes: &Changes<'_>) -> Result<PathBuf, Error> {
        self.flush()?;
        let file = fs::canonicalize(&self.path).map_err(Error::file("find", &self.path))?;
        let part = beside(&file, "part");
        self.out = Some(self.changed(&file, &part, changes).map_err(Error::file("write", &part))?);
        self.flush()?;
        fs::rename(&part, &file).map_err(Error::file("rename", &part))?;
        Ok(file)
    }
}

/// A name beside the file's that is of this process alone.
fn beside(file: &Path, what: &str) -> PathBuf {
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
            assert!(self.failed.settle(Some(waiting), &rows, &BTreeMap::new()).unwrap());
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
        let waiting = world.wait(&[2, 3, 4, 6]).unwrap();
        let expected = [of("FIRST", &[1]), of("TAKEN", &[2, 3, 4]), of("FIRST", &[5]), of("TAKEN", &[6])];
        assert_eq!(read(&world.path()), expected.concat());
        world.settle(waiting, &[3, 6]);
        let expected = [of("FIRST", &[1]), of("LAST", &[3]), of("FIRST", &[5]), of("LAST", &[6])];
        assert_eq!(read(&world.path()), expected.concat());
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
    fn rows_that_did_not_wait_in_the_file_are_put_into_their_places_and_marked() {
        let mut world = World::new();
        let (given, failure) = (rows(&[2, 9]), failure("LAST"));
        let given: Vec<_> = given.iter().map(|row| (row.get(0).unwrap(), &failure)).collect();
        world.write(&[1, 5]);
        assert!(world.failed.settle(None, &given, &BTreeMap::from([(2, 6), (5, 7)])).unwrap());
        let overtaken = "LATER_ROW_APPLIED";
        let expected = [of("FIRST", &[1]), of(overtaken, &[2, 5]), of("LAST", &[9])].concat();
        assert_eq!(read(&world.path()), expected);
        // Where the file is made for them.
        let mut world = World::new();
        assert!(world.failed.settle(None, &given, &BTreeMap::from([(9, 11)])).unwrap());
        assert_eq!(read(&world.path()), [of("LAST", &[2]), of(overtaken, &[9])].concat());
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
