//! The key by which rows find their members.

use crate::api::grpc::v1;
use crate::lists::Field;

/// The fields by which a row can find its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MatchKey {
    /// The caller's own key
    Ref,
    /// The e-mail address
    Email,
    /// The worker id
    #[value(alias = "worker_id")]
    WorkerId,
    /// The id that the server has assigned
    Id,
}

impl MatchKey {
    pub fn field(self) -> Field {
        match self {
            Self::Ref => Field::Ref,
            Self::Email => Field::Email,
            Self::WorkerId => Field::WorkerId,
            Self::Id => Field::Id,
        }
    }

    pub fn wire(self) -> v1::MatchBy {
        match self {
            Self::Ref => v1::MatchBy::Ref,
            Self::Email => v1::MatchBy::Email,
            Self::WorkerId => v1::MatchBy::WorkerId,
            Self::Id => v1::MatchBy::Id,
        }
    }
}
