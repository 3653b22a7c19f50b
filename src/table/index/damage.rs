//! What can be wrong with a stored base, as data: each kind names the place and the rule that does not hold.

use crate::model::Status;
use crate::stored::DecodeError;
use crate::table::index::lookup::LookupKind;
use crate::table::index::sets::SetField;

/// What does not hold. Keys are written in hexadecimal digits; ranges are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There are keys, but not the record without which none of them can be understood.
    #[error("the store's meta record is missing")]
    MetaMissing,
    /// A refold was cut short; lookups were not checked.
    #[error("the e-mail lookups are being rewritten; `memberbase refold` or a start finishes it")]
    Refolding,
    /// A base has a number that was not handed out yet, so that another base could get it.
    #[error("its number is not below the next one to be handed out, {next}")]
    NumberNotHandedOut {
        /// The number that the next base would get.
        next: u32,
    },
    /// Tokens are numbered without a gap.
    #[error("the tokens {from} to {to} are missing")]
    TokensMissing {
        /// The first of them.
        from: u32,
        /// The last of them.
        to: u32,
    },
    /// The answer to a request is not as the record of its time says, or is gone.
    #[error("the time of a request {key} goes with no answer")]
    AnswerMissing {
        /// The key of the time.
        key: String,
    },
    /// The answer to a request, or a part of one, that nothing leads to, so that it would stay for ever.
    #[error("nothing leads to {key}, part of an answer to a request")]
    AnswerLost {
        /// The key.
        key: String,
    },
    /// A key that is in no table, or has not the form of its table's keys.
    #[error("key {key} belongs to nothing")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// Keys of a base that has no header; one finding per base and table.
    #[error("there are {table} from key {key} on, but no header")]
    NoHeader {
        /// What kind of record.
        table: &'static str,
        /// The first such key.
        key: String,
    },
    /// The records of a base are not of one time: the head speaks of other settings than there are.
    #[error("its head and its settings do not belong together")]
    Settings,
    /// A value that is not what its key says.
    #[error("the value of key {key} cannot be read: {error}")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A row whose record cannot be read.
    #[error("the record of row {row} cannot be read: {error}")]
    UnreadableMember {
        /// The row.
        row: u64,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A block is stored that holds nothing.
    #[error("block {block} holds no member and is stored all the same")]
    EmptyBlock {
        /// The block.
        block: u64,
    },
    /// A part of a block that its first part names is not there, or the first part itself.
    #[error("the part of block {block} that begins with slot {first} is missing")]
    PartMissing {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
    },
    /// A part of a block that its first part does not name.
    #[error("the part of block {block} that begins with slot {first} belongs to no part list")]
    PartSurplus {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
    },
    /// A record stands in a part that is not its own.
    #[error("slot {slot} of block {block} stands in the part that begins with slot {first}")]
    SlotMisplaced {
        /// The block.
        block: u64,
        /// The part's first slot.
        first: u8,
        /// The slot.
        slot: u8,
    },
    /// A row that was not handed out yet.
    #[error("row {row} is not below the next one to be handed out, {next_row}")]
    RowNotHandedOut {
        /// The row.
        row: u64,
        /// The row that the next new member would get.
        next_row: u64,
    },
    /// A member that a commit is to have changed that was not made yet.
    #[error("the member of row {row} has revision {revision}, after the base's {last}")]
    MemberRevision {
        /// The row.
        row: u64,
        /// The member's revision.
        revision: u64,
        /// The base's revision.
        last: u64,
    },
    /// A member's times are out of order: made, changed, last commit.
    #[error("the times of the member of row {row} are out of order")]
    MemberTimes {
        /// The row.
        row: u64,
    },
    /// Two members hold one key.
    #[error("rows {row} and {other} hold the same {lookup:?}")]
    SharedKey {
        /// Which key.
        lookup: LookupKind,
        /// One row.
        row: u64,
        /// The other.
        other: u64,
    },
    /// A counter differs from a recount.
    #[error("the header counts {header} {} members, there are {counted}", status.as_str())]
    Count {
        /// Of which status.
        status: Status,
        /// What the header says.
        header: u64,
        /// What was counted.
        counted: u64,
    },
    /// A member is not in the set of its value.
    #[error("the set {} = {value:?} misses row {row}", field.name(None))]
    SetMisses {
        /// Which field.
        field: SetField,
        /// Which value.
        value: String,
        /// The row.
        row: u64,
    },
    /// A set has a row whose member does not have the value.
    #[error("the set {} = {value:?} has row {row}, whose member does not have the value", field.name(None))]
    SetSurplus {
        /// Which field.
        field: SetField,
        /// Which value.
        value: String,
        /// The row.
        row: u64,
    },
    /// A member's value is not in its lookup.
    #[error("the {lookup:?} lookup misses row {row} under hash {hash:016x}")]
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
        "the {lookup:?} lookup has row {row} under hash {hash:016x}, whose member does not have the value"
    )]
    LookupSurplus {
        /// Which lookup.
        lookup: LookupKind,
        /// The hash.
        hash: u64,
        /// The row.
        row: u64,
    },
    /// The entries of a bucket are not in ascending order, so that a search in it may miss some.
    #[error("the entries of bucket {bucket} of the {lookup:?} lookup are out of order")]
    BucketOrder {
        /// Which lookup.
        lookup: LookupKind,
        /// The bucket.
        bucket: u32,
    },
    /// An entry stands in a bucket in which nobody looks for it.
    #[error("bucket {bucket} of the {lookup:?} lookup has hash {hash:016x}, which belongs to another")]
    EntryMisplaced {
        /// Which lookup.
        lookup: LookupKind,
        /// The bucket.
        bucket: u32,
        /// The hash.
        hash: u64,
    },
    /// A bucket states another number of bits than the number of buckets asks for.
    #[error("bucket {bucket} of the {lookup:?} lookup states {bits} bits instead of {expected}")]
    BucketBits {
        /// Which lookup.
        lookup: LookupKind,
        /// The bucket.
        bucket: u32,
        /// The bits that it states.
        bits: u8,
        /// The bits that it has.
        expected: u8,
    },
    /// A bucket beyond the lookup's last.
    #[error("there is a bucket {bucket} of the {lookup:?} lookup, which has {buckets}")]
    BucketSurplus {
        /// Which lookup.
        lookup: LookupKind,
        /// The bucket.
        bucket: u32,
        /// How many buckets the lookup has.
        buckets: u32,
    },
    /// A lookup's counter of entries differs from a recount.
    #[error("the {lookup:?} lookup counts {counter} entries, there are {counted}")]
    EntryCount {
        /// Which lookup.
        lookup: LookupKind,
        /// What the counter says.
        counter: u64,
        /// What was counted.
        counted: u64,
    },
    /// The stored indexes claim commits that were not made.
    #[error("the indexes go up to revision {watermark}, after the base's {last}")]
    Watermark {
        /// The revision that the indexes claim.
        watermark: u64,
        /// The base's revision.
        last: u64,
    },
    /// Commits that the log must have and does not.
    #[error("the commits {from} to {to} are missing in the commit log")]
    CommitsMissing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A commit that the header knows nothing of.
    #[error("there is a commit {revision}, after the base's last, {last}")]
    CommitSurplus {
        /// The commit.
        revision: u64,
        /// The base's revision.
        last: u64,
    },
    /// A commit whose parts are not all there, or that goes on after its last one.
    #[error("the parts of commit {revision} are not complete around part {part}")]
    CommitParts {
        /// The commit.
        revision: u64,
        /// The part at which that was noticed.
        part: u32,
    },
    /// A commit's time is before that of an earlier one, or the last one's is not what the header says.
    #[error("the time of commit {revision} does not fit its neighbours or the header")]
    CommitTime {
        /// The commit.
        revision: u64,
    },
    /// A commit names a row that was not handed out yet.
    #[error(
        "commit {revision} changes row {row}, which is not below the next one to be handed out, {next_row}"
    )]
    CommitRow {
        /// The commit.
        revision: u64,
        /// The row.
        row: u64,
        /// The row that the next new member would get.
        next_row: u64,
    },
    /// What a commit kept of the time before it is not that.
    #[error("what commit {revision} kept of the time before it does not fit")]
    CommitBefore {
        /// The commit.
        revision: u64,
    },
    /// Records of a member that is gone, and no mark that they are to be purged.
    #[error(
        "there are records of row {row}, which has no member, and nothing says that they are to be purged"
    )]
    RecordsWithoutMember {
        /// The row.
        row: u64,
    },
    /// The records of a member that is there are marked to be purged.
    #[error("the records of row {row} are to be purged, and it has a member")]
    PurgeOfMember {
        /// The row.
        row: u64,
    },
    /// A name of a record is missing, or leads elsewhere.
    #[error("a name of the record {sequence} of row {row} does not lead to it")]
    RecordName {
        /// The row.
        row: u64,
        /// The record's sequence.
        sequence: u64,
    },
    /// A name that leads to no record.
    #[error("key {key} leads to no record")]
    RecordNameSurplus {
        /// The key.
        key: String,
    },
    /// The counts of a member's records differ from a recount.
    #[error("the records of row {row} are not as many as its counts say")]
    RecordCount {
        /// The row.
        row: u64,
    },
    /// A log that goes back to the first commit does not add up to what the header says.
    #[error(
        "the commit log made {created} members and deleted {deleted}; the header handed out {next_row} rows and counts {total} members"
    )]
    LogSum {
        /// Members made.
        created: u64,
        /// Members deleted.
        deleted: u64,
        /// Rows handed out.
        next_row: u64,
        /// Members that the header counts.
        total: u64,
    },
}

/// A key in hexadecimal digits.
pub fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
