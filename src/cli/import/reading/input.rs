//! The file that is imported, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::cli::Error;
use crate::lists::workbook::is_workbook;

/// The input of the import.
pub enum Opened {
    Stdin,
    /// A file, and its size if it is a regular file.
    File(File, Option<u64>),
}

impl Opened {
    pub fn open(path: &Path) -> Result<Self, Error> {
        if is_stdin(path) {
            return Ok(Self::Stdin);
        }
        let file = File::open(path).map_err(Error::file("open", path))?;
        let metadata = file.metadata().map_err(Error::file("open", path))?;
        if metadata.is_dir() {
            return Err(Error::Usage(format!("{} is a folder", path.display())));
        }
        Ok(Self::File(file, metadata.is_file().then_some(metadata.len())))
    }

    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(_, size) => *size,
        }
    }

    /// Whether it is a regular file that begins like a spreadsheet.
    pub fn is_workbook(&self) -> bool {
        let Self::File(file, Some(_)) = self else { return false };
        let mut beginning = [0; 8];
        file.read_exact_at(&mut beginning, 0).is_ok() && is_workbook(&beginning)
    }

    pub fn read(self) -> Box<dyn Read + Send> {
        match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(file, _) => Box::new(file),
        }
    }
}

/// Whether this stands for standard input.
pub fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}
