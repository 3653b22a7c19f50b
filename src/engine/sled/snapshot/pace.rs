//! The rate of the work on a snapshot, and how it is stopped.

use crate::engine::EngineError;

/// Why the work on a snapshot ended early.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The store is closing.
    Stopped,
    /// The work failed.
    Failed(EngineError),
}

impl From<EngineError> for Cut {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

/// For work that is never stopped.
impl From<Cut> for EngineError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Failed(error) => error,
            Cut::Stopped => Self::Closed,
        }
    }
}

/// Called with the number of bytes read or written. It waits to keep to a rate, so that others get their
/// share of the disk, or returns an error to stop the work.
pub(crate) type Pace<'a> = &'a mut dyn FnMut(u64) -> Result<(), Cut>;
