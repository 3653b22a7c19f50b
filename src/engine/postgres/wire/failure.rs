//! Why a statement failed, and what that means for what it wrote.

use std::error::Error as StdError;

use tokio_postgres::error::{Severity, SqlState};

use crate::engine::EngineError;

/// See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine::postgres) enum Failure {
    /// The connection is gone or hangs: nobody knows what became of the statement.
    #[error("{0}")]
    Lost(String),
    /// The server refused the statement, and has undone what it wrote. It may accept the same one later.
    #[error("{0}")]
    Refused(String),
    /// The server cannot read what it has stored, and has undone what the statement wrote.
    #[error("{0}")]
    Damaged(String),
    /// This database cannot have the store until somebody changes something; the text says what.
    #[error("{0}")]
    Unfit(String),
    /// An error of the engine.
    #[error("{0}")]
    Engine(EngineError),
}

impl Failure {
    pub(in crate::engine::postgres) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            return Self::Lost(chain(error));
        };
        let text = format!("{} (SQLSTATE {})", said.message(), said.code().code());
        let code = said.code();
        // The server goes away, or says itself that it does not know.
        let is_leaving = code.code().starts_with("57P") || code.code().starts_with("08");
        let is_end = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        if is_leaving || is_end || *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN {
            Self::Lost(text)
        } else if code.code().starts_with("XX") {
            Self::Damaged(text)
        } else {
            Self::Refused(text)
        }
    }

    /// At an opening: a right that is missing does not come by itself.
    pub(in crate::engine::postgres) fn at_opening(self) -> Self {
        match self {
            Self::Refused(text) if text.ends_with("(SQLSTATE 42501)") => Self::Unfit(format!(
                "the user lacks a right that the owner of the tables has: {text}; GRANT USAGE on the schema and SELECT, \
                 INSERT, UPDATE, DELETE on its tables, or name their owner in the DSN"
            )),
            other => other,
        }
    }

    /// For a call that wrote nothing.
    pub(in crate::engine::postgres) fn into_engine(self) -> EngineError {
        match self {
            Self::Lost(text) | Self::Refused(text) => EngineError::Io(format!("the database failed: {text}")),
            Self::Damaged(detail) => {
                EngineError::Corrupt { file: "a table of the database".to_owned(), offset: 0, detail }
            }
            Self::Unfit(text) => EngineError::WrongFolder(text),
            Self::Engine(error) => error,
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
