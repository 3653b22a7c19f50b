//! What a job is to do, and what it received.

use crate::model::access::token::TokenId;
use crate::model::filter::RawFilter;
use crate::model::guard::counts::GuardExpectation;
use crate::model::id::JobNumber;
use crate::model::membership::member::Profile;
use crate::model::row::input::UpsertOptions;
use crate::model::row::keys::RowKeys;
use crate::model::row::match_by::{MatchBy, Semantics};
use crate::model::row::sight::Sight;
use crate::model::value::time::Timestamp;

/// What a job is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum JobTask {
    /// Makes the memberbase equal to a full list: adds, changes and removes members.
    Sync(ListOptions),
    /// Applies a list of actions on single members, in order.
    Batch {
        /// How many changes of each kind the actions are meant to make. From an admin the guard accepts
        /// exactly these numbers.
        expect: GuardExpectation,
    },
    /// Deletes all members that match a filter.
    DeleteByFilter {
        /// The filter.
        filters: Vec<RawFilter>,
        /// How many members are meant to be deleted. From an admin the guard accepts exactly this number.
        expect: GuardExpectation,
    },
    /// Takes changes back.
    Revert(RevertOf),
}

/// How a full list is read and applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOptions {
    /// What finds the member of a row.
    pub match_by: ListMatch,
    /// When the list was made, if the caller says so: members that were created later stay.
    pub as_of: Option<Timestamp>,
    /// Only members that match this filter before the list is applied may be removed. Empty: all.
    pub scope: Vec<RawFilter>,
    /// How many changes of each kind the list is meant to make; removals include those whom its rows make
    /// inactive. From an admin the guard accepts exactly these numbers.
    pub expect: GuardExpectation,
    /// Whether members get the status of their rows.
    pub apply_status: bool,
    /// Whether empty bank columns keep the details of a member. Otherwise they clear them.
    pub keeps_bank_details: bool,
}

impl ListOptions {
    /// When the list was made, at the latest, if it arrived at this time.
    #[must_use]
    pub fn made_at(&self, arrived_at: Timestamp) -> Timestamp {
        self.as_of.unwrap_or(arrived_at)
    }

    /// How its rows are applied, for a caller with this sight. Fields that a row does not name stay, and
    /// inactive members come back.
    #[must_use]
    pub fn upsert(&self, sight: Sight) -> UpsertOptions {
        let (match_by, or_email) = match self.match_by {
            ListMatch::Key(match_by) => (match_by, false),
            ListMatch::WorkerIdOrEmail => (MatchBy::WorkerId, true),
        };
        let (semantics, apply_status) = (Semantics::Merge, self.apply_status);
        UpsertOptions {
            match_by,
            or_email,
            semantics,
            reactivate: true,
            apply_status,
            needs_name: false,
            expected: GuardExpectation::default(),
            sight,
        }
    }
}

/// What finds the member of a row of a full list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListMatch {
    /// One key, which every row must have.
    Key(MatchBy),
    /// The worker id if a member has it, otherwise the e-mail address.
    WorkerIdOrEmail,
}

impl Default for ListMatch {
    fn default() -> Self {
        Self::Key(MatchBy::Ref)
    }
}

impl ListMatch {
    /// Whether the list can name a member with this profile.
    #[must_use]
    pub fn can_name(self, profile: &Profile) -> bool {
        match self {
            Self::Key(MatchBy::Ref) => profile.ref_.is_some(),
            Self::Key(MatchBy::Email) => profile.email.is_some(),
            Self::Key(MatchBy::WorkerId) => profile.worker_id.is_some(),
            Self::Key(MatchBy::Id) => true,
            Self::WorkerIdOrEmail => profile.worker_id.is_some() || profile.email.is_some(),
        }
    }

    /// Whether a row with these keys can find its member. The id is not one of them.
    #[must_use]
    pub fn has_key(self, keys: &RowKeys) -> bool {
        match self {
            Self::Key(MatchBy::Ref) => keys.ref_.is_some(),
            Self::Key(MatchBy::Email) => keys.email.is_some(),
            Self::Key(MatchBy::WorkerId) => keys.worker_id.is_some(),
            Self::Key(MatchBy::Id) => false,
            Self::WorkerIdOrEmail => keys.worker_id.is_some() || keys.email.is_some(),
        }
    }
}

/// Which changes a revert takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevertOf {
    /// What a job of the same memberbase did.
    Job(JobNumber),
    /// The commits from one revision to another, both included.
    Revisions(u64, u64),
    /// What the holder of a token did since a time.
    Token(TokenId, Timestamp),
}

/// What a job received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobInput {
    /// The format of the file; `None` for a job without an input.
    pub format: Option<ListFormat>,
    /// The name of the sheet to read, if the caller gave one.
    pub sheet: Option<String>,
    /// Headings that are read under another name: the heading, and the name.
    pub columns: Vec<(String, String)>,
    /// The bytes as received.
    pub bytes: u64,
    /// The values that hold them.
    pub chunks: u64,
    /// The rows.
    pub rows: u64,
    /// The SHA-256 of the bytes.
    pub sha256: [u8; 32],
}

/// The format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListFormat {
    /// Text with a delimiter that is found from the headings.
    Csv,
    /// Text with tabs.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// A workbook of Excel since 2007.
    Xlsx,
    /// A workbook of Excel before 2007.
    Xls,
    /// An OpenDocument spreadsheet.
    Ods,
    /// Actions on single members, one JSON object a line.
    Actions,
}

impl ListFormat {
    /// Every format, in the order of the stored numbers, which begin at 1.
    pub const ALL: [Self; 7] =
        [Self::Csv, Self::Tsv, Self::Ndjson, Self::Xlsx, Self::Xls, Self::Ods, Self::Actions];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Ods => "ods",
            Self::Actions => "actions",
        }
    }
}
