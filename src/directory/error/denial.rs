//! Why a caller is rejected: it has no valid token, or its token does not allow the call.

use std::fmt;

use crate::model::token::AccessLevel;

/// Why a caller could not be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// The call has no token.
    Missing,
    /// The token is not one of this store.
    Invalid,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a token is needed: send it as `authorization: Bearer TOKEN`",
            Self::Invalid => "the token is not valid",
            Self::Expired => "the token has expired",
            Self::Revoked => "the token was revoked",
        })
    }
}

/// What a known caller's token lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// The level of access.
    Level(AccessLevel),
    /// This memberbase: the token is bound to another.
    Base,
    /// The whole store: the token is bound to one memberbase.
    Store,
    /// The right to see bank details and dates of birth.
    Pii(Shows),
}

/// What would reveal bank details and dates of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// A filter on these fields.
    Filter,
    /// An audience whose filter uses these fields.
    Audience,
    /// A backup, which contains everything.
    Backup,
    /// The input of a job, which may have these fields.
    JobInput,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => {
                write!(f, "this call needs a token with the access level {}", level.as_str())
            }
            Self::Base => f.write_str("the token is bound to another memberbase"),
            Self::Store => f.write_str("this call needs a token that is not bound to a memberbase"),
            Self::Pii(Shows::Filter) => f.write_str(
                "this filter uses bank details or dates of birth, which the token has no right to see",
            ),
            Self::Pii(Shows::Audience) => f.write_str(
                "the filter of this audience uses bank details or dates of birth, which the token has no right \
                 to see",
            ),
            Self::Pii(Shows::Backup) => f.write_str(
                "a backup contains bank details and dates of birth, which the token has no right to see",
            ),
            Self::Pii(Shows::JobInput) => f.write_str(
                "the list may contain bank details and dates of birth, which the token has no right to see",
            ),
        }
    }
}
