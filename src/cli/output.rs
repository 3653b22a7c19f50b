//! What commands print: results go to standard output, everything else to standard error. No other module of
//! the command line writes there.
//!
//! The result is what a command was run for, so a result that cannot be written is an error. If the reader
//! has gone, as in `memberbase export | head`, the command ends silently, like other programs that a closed
//! pipe stops. Text for standard error that cannot be written is dropped: an import must not stop because its
//! progress cannot be shown.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use super::Error;

/// Writes one line of the result, and flushes it.
pub fn line(line: impl Display) -> Result<(), Error> {
    text(format_args!("{line}\n"))
}

/// Writes a piece of the result, without adding a line break.
pub fn text(text: impl Display) -> Result<(), Error> {
    put(&text.to_string()).map_err(Error::Output)
}

/// Writes and flushes a text.
pub fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A text without the characters that would change what a terminal shows.
pub fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

/// The same in quotation marks.
pub fn quoted(text: &str) -> String {
    format!("{:?}", printable(text))
}

/// Prints a line to standard error.
pub fn note(line: impl Display) {
    // Where standard error is closed, the line is lost.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a question to standard error, without a line break.
pub fn ask(question: impl Display) {
    let mut err = io::stderr().lock();
    // Where standard error is closed, the question is lost.
    let _ = write!(err, "{question}").and_then(|()| err.flush());
}

/// The I/O error behind a CSV error, so that a closed pipe is recognised in CSV too.
pub fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Whether a result goes to standard output.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Turns a failed write of a result into an error. The result goes to a file or, as `-`, to standard output.
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
