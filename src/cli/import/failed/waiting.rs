//! While rows are tried again, they are in the file of failed rows.
//!
//! - Before they are tried, all of them are inserted into the file, each in its place, and stay there until
//!   the result is known. So an import that is killed meanwhile loses no row. A row that was applied
//!   nevertheless changes nothing when it is imported again.
//! - Then a new file replaces this one, in one step: without the rows that were applied, and with marks on
//!   those that were overtaken.
//! - A file that was in the place before is renamed, see [`crate::cli::files::remove_if_same`], and gets its
//!   name back if no row fails in the end. If it has the same contents, a killed import left it for the same
//!   rows: then this import settles them, and only its own file remains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::again::Changes;
use super::file::{FailedRows, Written};
use crate::cli::Error;
use crate::cli::files::{stands_at, unfinished};
use crate::cli::import::reading::Row;
use crate::cli::list::RowFailure;

/// Waiting rows in the file.
#[must_use = "they stay in the file until they are settled"]
pub struct Waiting {
    /// The lines of the rows.
    lines: BTreeSet<u64>,
    /// Whether the file was created for them.
    is_new: bool,
}

impl FailedRows {
    /// Whether rows can be inserted and removed afterwards; not in a pipe, where written rows are gone.
    pub fn can_be_written_again(&self) -> bool {
        fs::metadata(self.path().unwrap_or(&self.wanted)).map_or(true, |there| there.is_file())
    }

    /// Writes rows that wait to be tried again. `None`, without writing anything, if they could not be
    /// removed again.
    pub fn write_waiting<'a>(
        &mut self,
        rows: impl Iterator<Item = (Row<'a>, &'a RowFailure)>,
    ) -> Result<Option<Waiting>, Error> {
        if !self.can_be_written_again() {
            return Ok(None);
        }
        let rows: Vec<_> = rows.collect();
        let lines = rows.iter().map(|(row, _)| row.number()).collect();
        let is_new = self.written.is_none();
        if is_new {
            self.write_all(&rows, &Changes::default())?;
        } else {
            self.change(&Changes { with: &rows, ..Changes::default() })?;
        }
        self.previous()?;
        Ok(Some(Waiting { lines, is_new }))
    }

    /// Removes the waiting rows that did not fail in the end, adds failed rows that were not in the file, and
    /// marks the rows of `marks`, each with the line of the row that has overtaken it. False if written rows
    /// cannot be marked.
    pub fn settle(
        &mut self,
        waiting: Option<Waiting>,
        rows: &[(Row<'_>, &RowFailure)],
        marks: &BTreeMap<u64, u64>,
    ) -> Result<bool, Error> {
        let mut changes = Changes { with: rows, marks: Some(marks), ..Changes::default() };
        let Some(Waiting { lines, is_new }) = waiting else {
            if rows.is_empty() && (marks.is_empty() || self.written.is_none()) {
                return Ok(true);
            }
            if self.written.is_some() && self.can_be_written_again() {
                return self.change(&changes).map(|()| true);
            }
            let is_all = self.written.is_none() || marks.is_empty();
            return self.write_all(rows, &changes).map(|()| is_all);
        };
        if is_new && rows.is_empty() {
            return self.undo().map(|()| true);
        }
        changes.without = lines;
        self.change(&changes).map(|()| true)
    }

    /// Removes the file, and restores the one that was there before. Changes nothing if somebody else has put
    /// a file there meanwhile.
    fn undo(&mut self) -> Result<(), Error> {
        // The lock is held until this is done.
        let Some(Written { path, out }) = self.written.take() else { return Ok(()) };
        if !stands_at(out.file(), &path).map_err(Error::file("read", &path))? {
            return Ok(());
        }
        let file = fs::canonicalize(&path).map_err(Error::file("find", &path))?;
        let undone = match self.previous.take() {
            Some(previous) => fs::rename(previous, &file),
            None => fs::remove_file(&file),
        };
        undone.map_err(Error::file("remove", &file))
    }

    fn write_all(&mut self, rows: &[(Row<'_>, &RowFailure)], changes: &Changes<'_>) -> Result<(), Error> {
        rows.iter().try_for_each(|(row, failure)| self.write(row, &changes.marked(row.number(), failure)))?;
        self.flush()
    }

    /// Changes the file in one step.
    fn change(&mut self, changes: &Changes<'_>) -> Result<(), Error> {
        self.flush()?;
        let Some(path) = self.path() else { return Ok(()) };
        let file = fs::canonicalize(path).map_err(Error::file("find", path))?;
        let part = unfinished(&file);
        let changed = self.changed(&file, &part, changes).and_then(|mut out| out.flush().map(|()| out));
        let changed = changed.map_err(Error::file("write", &part))?;
        fs::rename(&part, &file).map_err(Error::file("rename", &part))?;
        // The new file is in place and locked, so the lock on the previous one may be released.
        if let Some(written) = &mut self.written {
            written.out = changed;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::*;
    use crate::cli::import::reading::Format;
    use crate::lists::ListRow;

    fn rows(lines: &[u64]) -> Vec<ListRow> {
        let row = |line: &u64| ListRow::ndjson(*line, &format!("{{\"ref\":\"r{line}\"}}"));
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
            let failed = FailedRows::new(folder.path().join("failed.ndjson"), Arc::new(Format::ndjson()));
            Self { folder, failed }
        }

        /// Another import with the same file of failed rows.
        fn another(&self) -> FailedRows {
            FailedRows::new(self.path(), Arc::new(Format::ndjson()))
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("failed.ndjson")
        }

        fn write(&mut self, lines: &[u64]) {
            for row in &rows(lines) {
                self.failed.write(row, &failure("FIRST")).unwrap();
            }
        }

        fn wait(&mut self, lines: &[u64]) -> Option<Waiting> {
            let (rows, failure) = (rows(lines), failure("TAKEN"));
            self.failed.write_waiting(rows.iter().map(|row| (row, &failure))).unwrap()
        }

        fn settle(&mut self, waiting: Waiting, lines: &[u64]) {
            let (rows, failure) = (rows(lines), failure("LAST"));
            let rows: Vec<_> = rows.iter().map(|row| (row, &failure)).collect();
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
        assert_eq!((world.files(), world.failed.path()), (1, Some(&*world.path())));
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
        let kept = world.failed.previous().unwrap().unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "earlier");
    }

    #[test]
    fn an_import_that_is_killed_meanwhile_leaves_the_file_of_an_earlier_one_under_a_name_that_stays() {
        let world = World::new();
        let path = world.path();
        fs::write(&path, "earlier").unwrap();
        for number in 1..=2 {
            let mut failed = world.another();
            let (rows, failure) = (rows(&[number]), failure("TAKEN"));
            let waiting = failed.write_waiting(rows.iter().map(|row| (row, &failure))).unwrap();
            assert!(waiting.is_some());
        }
        let kept = |number: u64| path.with_file_name(format!("failed.{number}.ndjson"));
        assert_eq!(fs::read_to_string(kept(1)).unwrap(), "earlier");
        assert_eq!((read(&kept(2)), read(&path)), (of("TAKEN", &[1]), of("TAKEN", &[2])));
    }

    #[test]
    fn a_continued_import_settles_the_rows_that_a_killed_one_left() {
        for (left, in_the_end, files) in
            [(&[2, 3][..], &[][..], 0), (&[2, 3], &[3], 1), (&[2], &[], 1), (&[2], &[3], 2)]
        {
            let mut world = World::new();
            let (mut killed, rows, failure) = (world.another(), rows(left), failure("TAKEN"));
            let waiting = killed.write_waiting(rows.iter().map(|row| (row, &failure)));
            assert!(waiting.unwrap().is_some());
            drop(killed);
            let waiting = world.wait(&[2, 3]).unwrap();
            world.settle(waiting, in_the_end);
            assert_eq!(world.files(), files, "{left:?} {in_the_end:?}");
        }
    }

    #[test]
    fn imports_of_one_place_at_a_time_have_files_of_their_own_whatever_they_do() {
        let mut first = World::new();
        let mut second = World { folder: tempfile::tempdir().unwrap(), failed: first.another() };
        let beside = first.folder.path().join("failed.1.ndjson");
        first.write(&[1, 5]);
        second.write(&[7]);
        assert_eq!((second.failed.path(), second.failed.refused()), (Some(&*beside), Some(&*first.path())));
        // Each rewrite replaces the file by another one.
        for _ in 0..2 {
            let (one, other) = (first.wait(&[2, 3]).unwrap(), second.wait(&[4, 9]).unwrap());
            second.settle(other, &[]);
            first.settle(one, &[]);
        }
        first.write(&[6]);
        second.write(&[8]);
        first.failed.flush().unwrap();
        second.failed.flush().unwrap();
        assert_eq!(read(&first.path()), of("FIRST", &[1, 5, 6]));
        assert_eq!(read(&beside), of("FIRST", &[7, 8]));
        // An import that removes its rows leaves those of others.
        let mut third = World { folder: tempfile::tempdir().unwrap(), failed: first.another() };
        let waiting = third.wait(&[2]).unwrap();
        third.settle(waiting, &[]);
        assert_eq!((first.files(), first.failed.refused()), (2, None));
        // After the end of the first import its file is renamed.
        let place = first.path();
        first.failed = first.another();
        first.write(&[2]);
        let kept = first.failed.previous().unwrap().unwrap().to_owned();
        first.failed.flush().unwrap();
        assert_eq!((read(&kept), read(&place)), (of("FIRST", &[1, 5, 6]), of("FIRST", &[2])));
    }

    #[test]
    fn rows_that_did_not_wait_in_the_file_are_put_into_their_places_and_marked() {
        let mut world = World::new();
        let (given, failure) = (rows(&[2, 9]), failure("LAST"));
        let given: Vec<_> = given.iter().map(|row| (row, &failure)).collect();
        world.write(&[1, 5]);
        assert!(world.failed.settle(None, &given, &BTreeMap::from([(2, 6), (5, 7)])).unwrap());
        let overtaken = "LATER_ROW_APPLIED";
        let expected = [of("FIRST", &[1]), of(overtaken, &[2, 5]), of("LAST", &[9])].concat();
        assert_eq!(read(&world.path()), expected);
        // If the file is created for them.
        let mut world = World::new();
        assert!(world.failed.settle(None, &given, &BTreeMap::from([(9, 11)])).unwrap());
        assert_eq!(read(&world.path()), [of("LAST", &[2]), of(overtaken, &[9])].concat());
    }

    #[test]
    fn a_change_writes_into_nothing_that_stands_there() {
        let mut world = World::new();
        world.write(&[1]);
        let part = unfinished(&world.path());
        fs::write(&part, "left by one that was killed").unwrap();
        let waiting = world.wait(&[2]).unwrap();
        assert_eq!(
            (read(&world.path()), world.files()),
            ([of("FIRST", &[1]), of("TAKEN", &[2])].concat(), 1)
        );
        let theirs = world.folder.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, &part).unwrap();
        let refused = world.failed.settle(Some(waiting), &[], &BTreeMap::new()).unwrap_err().to_string();
        assert!(refused.contains("is in the way"), "{refused}");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        // A row that was applied does no harm in the file, so nothing is lost.
        assert_eq!(read(&world.path()), [of("FIRST", &[1]), of("TAKEN", &[2])].concat());
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
        let mut failed = FailedRows::new(socket, Arc::new(Format::ndjson()));
        assert!(failed.write_waiting(std::iter::empty()).unwrap().is_none() && failed.path().is_none());
    }
}
