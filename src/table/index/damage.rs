//! The kinds of damage that a stored base can have. Each names the place and the rule that is broken.

use crate::model::{AudienceNumber, Status};
use crate::stored::DecodeError;
use crate::table::index::lookup::{LevelOf, LookupKind};
use crate::table::index::sets::SetField;

/// A broken rule. Keys are shown in hexadecimal digits; ranges are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There are or were keys, but no metadata, without which none of them can be read.
    #[error("the store's metadata is missing")]
    MetaMissing,
    /// The engine cannot read a value.
    #[error("{0}")]
    Value(String),
    /// A refold was interrupted; lookups were not checked.
    #[error("the e-mail lookups are being rewritten; run `memberbase refold` or start the server to finish")]
    Refolding,
    /// The number of a base was not assigned yet, so another base could get it.
    #[error("its number is not below {next}, the next one to be assigned")]
    NumberNotHandedOut {
        /// The number that the next base would get.
        next: u32,
    },
    /// The numbers of tokens have a gap.
    #[error("the tokens {from} to {to} are missing")]
    TokensMissing {
        /// The first of them.
        from: u32,
        /// The last of them.
        to: u32,
    },
    /// The stored result of a request is missing, or its size differs from that stored under its time.
    #[error("no stored result belongs to the time of a request at key {key}")]
    ResultMissing {
        /// The key of the time.
        key: String,
    },
    /// Nothing refers to a stored result or to a part of one, so it would never be deleted.
    #[error("nothing refers to key {key}, a part of a stored result")]
    ResultLost {
        /// The key.
        key: String,
    },
    /// The data of a job are missing in part, or are not what its record says.
    #[error("{what} of the job at key {key} is missing in part, or differs from the job's record")]
    JobData {
        /// The key of the record.
        key: String,
        /// Which data.
        what: &'static str,
    },
    /// A key belongs to no table, or does not have the form of its table's keys.
    #[error("key {key} is unknown")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// There are keys of a base without a header; one finding per base and table.
    #[error("there are {table} from key {key} on, but the memberbase has no header")]
    NoHeader {
        /// What the keys hold.
        table: &'static str,
        /// The first such key.
        key: String,
    },
    /// The head and the settings of a base are from different commits.
    #[error("its head and its settings are from different commits")]
    Settings,
    /// A value does not have the form that its key requires.
    #[error("the value of key {key} cannot be read: {error}")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A stored member cannot be read.
    #[error("the member of row {row} cannot be read: {error}")]
    UnreadableMember {
        /// The row.
        row: u64,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// An empty block is stored.
    #[error("block {block} is stored although it holds no member")]
    EmptyBlock {
        /// The block.
        block: u64,
    },
    /// A part that the first part of a block lists is missing, or the first part itself.
    #[error("the part of block {block} that begins with slot {first} is missing")]
    PartMissing {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
    },
    /// The first part of a block does not list another part of it.
    #[error("the part of block {block} that begins with slot {first} is not in the block's list of parts")]
    PartSurplus {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
    },
    /// A member is stored in the wrong part of its block.
    #[error("slot {slot} of block {block} is stored in the wrong part, which begins with slot {first}")]
    SlotMisplaced {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
        /// The slot.
        slot: u8,
    },
    /// A row has a member, but was not assigned yet.
    #[error("row {row} is not below {next_row}, the next one to be assigned")]
    RowNotHandedOut {
        /// The row.
        row: u64,
        /// The row that the next new member would get.
        next_row: u64,
    },
    /// A member has the revision of a commit that does not exist yet.
    #[error("the member of row {row} has revision {revision}, higher than the memberbase's {last}")]
    MemberRevision {
        /// The row.
        row: u64,
        /// The member's revision.
        revision: u64,
        /// The base's revision.
        last: u64,
    },
    /// A member's times are not in the order created, changed, last commit of the base.
    #[error("the times of the member of row {row} are out of order")]
    MemberTimes {
        /// The row.
        row: u64,
    },
    /// Two members have the same key.
    #[error("the members of rows {row} and {other} have the same {lookup:?}")]
    SharedKey {
        /// Which key.
        lookup: LookupKind,
        /// One row.
        row: u64,
        /// The other.
        other: u64,
    },
    /// A counter differs from a recount.
    #[error("the header counts {header} {} members, but there are {counted}", status.as_str())]
    Count {
        /// The status of the members.
        status: Status,
        /// The number in the header.
        header: u64,
        /// The number that was counted.
        counted: u64,
    },
    /// A member is missing from the set of its value.
    #[error("row {row} is missing from the set {} = {value:?}", field.name(None))]
    SetMisses {
        /// Which field.
        field: SetField,
        /// Which value.
        value: String,
        /// The row.
        row: u64,
    },
    /// A set contains a row whose member does not have the value.
    #[error("the set {} = {value:?} contains row {row}, whose member has another value", field.name(None))]
    SetSurplus {
        /// Which field.
        field: SetField,
        /// Which value.
        value: String,
        /// The row.
        row: u64,
    },
    /// A member that should be in an audience, now or once it is built, is not, or one is that should not.
    #[error("row {row} is {} the audience {}", if *is_in { "wrongly in" } else { "missing from" }, audience.0)]
    Audience {
        /// Which audience.
        audience: AudienceNumber,
        /// The row.
        row: u64,
        /// Whether it is in the audience.
        is_in: bool,
    },
    /// A row that was never handed out, or that is both picked for an audience and removed from it, or that
    /// is one of them for an audience that does not exist.
    #[error("what is kept by hand about row {row} in the audience {} cannot be", audience.0)]
    AudienceHand {
        /// Which audience.
        audience: AudienceNumber,
        /// The row.
        row: u64,
    },
    /// The number of an audience was not handed out yet.
    #[error("the audience {} exists, but the last number is {last}", audience.0)]
    AudienceNumber {
        /// Which audience.
        audience: AudienceNumber,
        /// The last number.
        last: u32,
    },
    /// A search set lacks a row, or has one too many.
    #[error("the search set {token:06x} {} row {row}", if *is_surplus { "wrongly contains" } else { "lacks" })]
    Search {
        /// The token.
        token: u32,
        /// The row.
        row: u64,
        /// Whether the set has the row, though no word of its member has the token.
        is_surplus: bool,
    },
    /// A member is missing from a lookup.
    #[error("row {row} is missing from the {lookup:?} lookup under hash {hash:016x}")]
    LookupMisses {
        /// Which lookup.
        lookup: LookupKind,
        /// The hash of the value.
        hash: u64,
        /// The row.
        row: u64,
    },
    /// A lookup has an entry whose member does not have the value.
    #[error(
        "the {lookup:?} lookup contains row {row} under hash {hash:016x}, whose member has another value"
    )]
    LookupSurplus {
        /// Which lookup.
        lookup: LookupKind,
        /// The hash.
        hash: u64,
        /// The row.
        row: u64,
    },
    /// The entries of a bucket are not in ascending order, so a search may miss some.
    #[error("the entries of bucket {bucket} of the {of} are out of order")]
    BucketOrder {
        /// Which level.
        of: LevelOf,
        /// The bucket.
        bucket: u32,
    },
    /// An entry is in the wrong bucket, where it is never found.
    #[error("bucket {bucket} of the {of} contains hash {hash:016x} of another bucket")]
    EntryMisplaced {
        /// Which level.
        of: LevelOf,
        /// The bucket.
        bucket: u32,
        /// The hash.
        hash: u64,
    },
    /// The number of bits stored in a bucket does not fit the number of buckets.
    #[error("bucket {bucket} of the {of} has {bits} bits instead of {expected}")]
    BucketBits {
        /// Which level.
        of: LevelOf,
        /// The bucket.
        bucket: u32,
        /// The bits stored in it.
        bits: u8,
        /// The bits that it must have.
        expected: u8,
    },
    /// There is a bucket after the last one of the level.
    #[error("there is a bucket {bucket} of the {of}, which has only {buckets} buckets")]
    BucketSurplus {
        /// Which level.
        of: LevelOf,
        /// The bucket.
        bucket: u32,
        /// How many buckets the level has.
        buckets: u32,
    },
    /// A counter of entries, or of the changes in a recent level, differs from a recount.
    #[error("the {of} counts {counter} entries, but there are {counted}")]
    EntryCount {
        /// Which level.
        of: LevelOf,
        /// The value of the counter.
        counter: u64,
        /// The number that was counted.
        counted: u64,
    },
    /// The watermark of the stored indexes is higher than the last revision.
    #[error("the indexes go up to revision {watermark}, higher than the memberbase's {last}")]
    Watermark {
        /// The revision up to which the indexes claim to be current.
        watermark: u64,
        /// The base's revision.
        last: u64,
    },
    /// Commits are missing from the commit log.
    #[error("the commits {from} to {to} are missing from the commit log")]
    CommitsMissing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// There is a commit after the last one of the header.
    #[error("there is a commit {revision} after the memberbase's last one, {last}")]
    CommitSurplus {
        /// The commit.
        revision: u64,
        /// The base's revision.
        last: u64,
    },
    /// Parts of a commit are missing, or there are parts after its last one.
    #[error("the parts of commit {revision} are missing or surplus around part {part}")]
    CommitParts {
        /// The commit.
        revision: u64,
        /// The part at which this was noticed.
        part: u32,
    },
    /// The time of a commit is before that of an earlier one, or that of the last one is not the header's.
    #[error("the time of commit {revision} does not fit the commits beside it or the header")]
    CommitTime {
        /// The commit.
        revision: u64,
    },
    /// A commit changes a row that was not assigned yet.
    #[error(
        "commit {revision} changes row {row}, which is not below {next_row}, the next one to be assigned"
    )]
    CommitRow {
        /// The commit.
        revision: u64,
        /// The row.
        row: u64,
        /// The row that the next new member would get.
        next_row: u64,
    },
    /// The previous state that a commit stores does not fit its change.
    #[error("commit {revision} stores a previous state that does not fit its change")]
    CommitBefore {
        /// The commit.
        revision: u64,
    },
    /// A deleted member has records that are not marked to be purged.
    #[error("there are records of row {row}, which has no member, but they are not marked to be purged")]
    RecordsWithoutMember {
        /// The row.
        row: u64,
    },
    /// The records of an existing member are marked to be purged.
    #[error("the records of row {row} are marked to be purged, but the row has a member")]
    PurgeOfMember {
        /// The row.
        row: u64,
    },
    /// The key of a record's id or external id is missing, or leads to another record.
    #[error("an id of record {sequence} of row {row} does not lead to it")]
    RecordName {
        /// The row.
        row: u64,
        /// The record's sequence.
        sequence: u64,
    },
    /// The key of a record's id leads to no record.
    #[error("key {key} leads to no record")]
    RecordNameSurplus {
        /// The key.
        key: String,
    },
    /// The counts of a member's records differ from a recount.
    #[error("the number of records of row {row} differs from its counts")]
    RecordCount {
        /// The row.
        row: u64,
    },
    /// The commit log reaches back to the first commit, but its sums differ from the header.
    #[error(
        "the commit log created {created} members and deleted {deleted}; the header assigned {next_row} rows \
         and counts {total} members"
    )]
    LogSum {
        /// Members created.
        created: u64,
        /// Members deleted.
        deleted: u64,
        /// Rows assigned.
        next_row: u64,
        /// Members that the header counts.
        total: u64,
    },
}

/// A key in hexadecimal digits.
pub fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
