//! What commands say: results on standard output, everything else on standard error. Nothing else in the command line writes there.
//!
//! What a command was run for goes to standard output, so a result that cannot be written is an error. Where the reader has gone,
//! as in `memberbase export | head`, the command ends without a word, as other programs do that a closed pipe stops. What goes to
//! standard error is lost if nobody takes it, and changes nothing: an import must not stop because its progress cannot be shown.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use super::Error;

/// Writes a line of the result, and has it written before this returns.
pub fn line(line: impl Display) -> Result<(), Error> {
    text(format_args!("{line}\n"))
}

/// Writes a piece of the result as it is.
pub fn text(text: impl Display) -> Result<(), Error> {
    put(&text.to_string()).map_err(Error::Output)
}

/// Writes a text in one go.
pub fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Says something beside the result.
pub fn note(line: impl Display) {
    // Whoever does not listen misses it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The fault of writing CSV as one of writing, of the same kind: a reader that has gone is no other error in CSV.
pub fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Whether a place for a result is standard output.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// For a result that goes to a file or, as `-`, to standard output.
pub fn unwritten(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| {
        if is_stdout(&path) {
            Error::Output(source)
        } else {
            Error::File { action: "write", path: path.clone(), source }
        }
    }
}
