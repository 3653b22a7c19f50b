//! Changes of audiences, as requests to a base's lane.

use std::sync::Arc;
use std::time::Instant;

use crate::model::{Audience, AudienceFilter, AudienceName, AudienceNumber, Origin, Row};
use crate::table::Claim;
use crate::table::shared::outcome::RowOutcome;

/// A change of an audience.
#[derive(Debug)]
pub struct AudienceRequest {
    /// What changes.
    pub what: AudienceWhat,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// What changes in an audience.
#[derive(Debug, Clone)]
pub enum AudienceWhat {
    /// It is created.
    Create {
        /// Its name.
        name: AudienceName,
        /// Its filter.
        filter: AudienceFilter,
    },
    /// It gets another name or another filter; `None` leaves them as they are.
    Update {
        /// Which audience.
        audience: AudienceNumber,
        /// Its new name.
        name: Option<AudienceName>,
        /// Its new filter.
        filter: Option<AudienceFilter>,
    },
    /// It is archived. A repeat changes nothing.
    Archive {
        /// Which audience.
        audience: AudienceNumber,
    },
    /// It is not archived any more. A repeat changes nothing.
    Unarchive {
        /// Which audience.
        audience: AudienceNumber,
    },
    /// Members are added by hand.
    AddRows {
        /// Which audience.
        audience: AudienceNumber,
        /// The members.
        rows: Vec<Row>,
    },
    /// Members are removed by hand.
    RemoveRows {
        /// Which audience.
        audience: AudienceNumber,
        /// The members.
        rows: Vec<Row>,
    },
}

impl AudienceWhat {
    /// The members that are added or removed by hand.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::AddRows { rows, .. } | Self::RemoveRows { rows, .. } => rows,
            Self::Create { .. } | Self::Update { .. } | Self::Archive { .. } | Self::Unarchive { .. } => &[],
        }
    }
}

/// The reply to a change of an audience.
#[derive(Debug, Clone)]
pub struct AudienceReply {
    /// The audience after the request.
    pub audience: Arc<Audience>,
    /// How many members were in it after the request.
    pub members: u64,
    /// One for each member that was to be added or removed, in order: `Updated`, `Unchanged`, or a failure
    /// with the reason `MemberNotFound`.
    pub rows: Vec<RowOutcome>,
    /// The base's revision after the request; the same as before if the request changed nothing.
    pub revision: u64,
}
