//! Turns errors of the layers below into errors of the service.

use super::denial::{Lacking, TokenFault};
use super::failure::Error;
use crate::model::{Violation, words};
use crate::table::{EngineError, TableError};

impl From<TokenFault> for Error {
    fn from(fault: TokenFault) -> Self {
        Self::Unauthenticated(fault)
    }
}

impl From<Lacking> for Error {
    fn from(lacking: Lacking) -> Self {
        Self::PermissionDenied(lacking)
    }
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::BaseNotFound | TableError::BaseDeleted => Self::MemberBaseNotFound,
            TableError::Guard(held) => Self::Guard(held),
            TableError::Refused(refusal) => Self::Refused(refusal),
            TableError::Overloaded { .. } => Self::Overloaded,
            TableError::DeadlinePassed => Self::Deadline,
            TableError::AtomicTooLarge { rows, max_rows, .. } if rows > max_rows => {
                Self::AtomicRows { rows, max_rows }
            }
            TableError::AtomicTooLarge { bytes, max_bytes, .. } => Self::AtomicBytes { bytes, max_bytes },
            TableError::SchemaInUse { held, members } => {
                let text = |count| {
                    let members = words::some(count, ["member has", "members have"]);
                    format!("must stay as it is, because {members} a value for it")
                };
                let violations =
                    held.into_iter().map(|(key, count)| Violation::new(format!("schema.{key}"), text(count)));
                Self::SchemaInUse { violations: violations.collect(), members }
            }
            TableError::RequestRunning => Self::RequestRunning,
            TableError::PlannedOnFailure => Self::CommitUnknown { private: error.to_string() },
            TableError::Closing => Self::Stopping,
            TableError::Damaged(private) => Self::Corrupt { private },
            TableError::NewerFormat { .. } | TableError::UnfinishedCopy => {
                Self::Internal { private: error.to_string() }
            }
            TableError::Engine(error) => Self::from(error),
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::StorageFull { free, needed } => Self::StorageFull { free, needed },
            EngineError::CommitUnknown(private) => Self::CommitUnknown { private },
            EngineError::Refusing(_) => Self::StorageFailed,
            EngineError::NotOwner(private) | EngineError::Lent(private) => {
                Self::StorageUnavailable { private }
            }
            EngineError::Io(private) => Self::StorageUnavailable { private },
            EngineError::Closed => Self::Stopping,
            EngineError::Unsupported(what) => Self::NotSupported { what },
            EngineError::Corrupt { .. } => Self::Corrupt { private: error.to_string() },
            EngineError::Conflict
            | EngineError::TooLarge { .. }
            | EngineError::NewerFormat { .. }
            | EngineError::WrongFolder(_)
            | EngineError::InUse(_) => Self::Internal { private: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    #[test]
    fn the_public_text_never_shows_details_for_the_operator() {
        let errors = [
            EngineError::Io("/secret/path".into()),
            EngineError::CommitUnknown("/secret/path".into()),
            EngineError::Corrupt { file: "/secret/path".into(), offset: 1, detail: String::new() },
        ];
        for error in errors.map(Error::from) {
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.private().is_some_and(|text| text.contains("secret")), "{error:?}");
        }
    }

    #[test]
    fn a_temporary_failure_is_unavailable_and_says_when_to_retry() {
        let passing = [
            EngineError::Io("/secret/path".into()),
            EngineError::Refusing("/secret/path".into()),
            EngineError::CommitUnknown("/secret/path".into()),
            EngineError::Closed,
        ];
        for error in passing {
            let error = Error::from(TableError::from(error));
            assert_eq!(error.code(), Code::Unavailable, "{error:?}");
            assert!(error.retry_after().is_some() && !error.to_string().contains("secret"), "{error:?}");
        }
        let full = Error::from(EngineError::StorageFull { free: 1, needed: 2 });
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert!(full.retry_after().is_some());
        assert_eq!(Error::from(TableError::Closing).code(), Code::Unavailable);
    }
}
