//! Calls of sled, and what their failures mean.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::EngineError;

/// How sled says that another process, or a former handle, has its lock.
pub(super) const LOCKED: &str = "could not acquire lock";

/// Why a call of sled failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The machine failed the call: the call may work later, and the content is not in doubt.
    Machine(EngineError),
    /// The content is unusable: only a rebuild helps.
    Content(String),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Machine(error)
    }
}

impl From<Trouble> for EngineError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Machine(error) => error,
            Trouble::Content(why) => Self::Io(format!("the working copy is damaged: {why}")),
        }
    }
}

/// Calls sled, and turns the panics by which it reports some kinds of damage into errors.
pub(super) fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(judge(&error)),
        Err(panic) => Err(Trouble::Content(format!("sled panicked: {}", message_of(&*panic)))),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn judge(error: &::sled::Error) -> Trouble {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    const MACHINE: [io::ErrorKind; 5] =
        [OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    // sled reports these only as text.
    const MACHINE_TEXTS: [&str; 3] = [LOCKED, "code: 23", "code: 24"];
    match error {
        ::sled::Error::Io(e) => {
            let text = format!("{e:?}");
            if MACHINE.contains(&e.kind()) || MACHINE_TEXTS.iter().any(|t| text.contains(t)) {
                Trouble::Machine(EngineError::Io(format!("sled: {e}")))
            } else {
                Trouble::Content(e.to_string())
            }
        }
        other => Trouble::Content(other.to_string()),
    }
}
