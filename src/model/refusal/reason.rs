//! The reasons of failures as stable words, with the kind of failure of each.
//!
//! Nothing here names the status code of a protocol: the doors map `Code` to theirs in one table.

use std::fmt;

/// The kinds of failure, with the meanings of the gRPC codes of the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is invalid in any state of the service.
    InvalidArgument,
    /// The request names something that does not exist.
    NotFound,
    /// The request would create something that exists already.
    AlreadyExists,
    /// The state does not allow the request; repeating it does not help.
    FailedPrecondition,
    /// The request conflicted with another; repeating the whole request may help.
    Aborted,
    /// A limit or a resource is used up.
    ResourceExhausted,
    /// The service cannot process the request now; repeating may help.
    Unavailable,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// The caller is authenticated, but may not do this.
    PermissionDenied,
    /// The caller is not authenticated.
    Unauthenticated,
    /// A value is outside the existing range.
    OutOfRange,
    /// The service cannot do this at all.
    Unimplemented,
    /// A fault of the service.
    Internal,
    /// Stored data cannot be read.
    DataLoss,
}

impl Code {
    /// The name as gRPC writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Unavailable => "UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::DataLoss => "DATA_LOSS",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares [`Reason`]: one entry for each reason, so that word, code and sentence stay together.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $code:ident, $text:literal;)+) => {
        /// Why a request, or one row of it, was refused: the stable machine word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Reason] = &[$(Self::$variant,)+];

            /// The word on the wire. The meaning of a released word never changes.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The reason with this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }

            /// The kind of failure.
            pub fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }

            /// The reason in a few plain words, for a refusal without details.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

reasons! {
    /// A field that the call needs is absent.
    FieldRequired = "FIELD_REQUIRED", InvalidArgument, "a required field is missing";
    /// A field has a value that it cannot have.
    FieldInvalid = "FIELD_INVALID", InvalidArgument, "a field has an invalid value";
    /// The request names a field that does not exist.
    UnknownField = "UNKNOWN_FIELD", InvalidArgument, "the request names an unknown field";
    /// A field was both given and cleared.
    FieldConflict = "FIELD_CONFLICT", InvalidArgument, "a field was both given and cleared";
    /// The `ref` is empty, too long or has control characters.
    RefInvalid = "REF_INVALID", InvalidArgument, "the ref is not valid";
    /// The row must carry a `ref` and has none.
    RefMissing = "REF_MISSING", InvalidArgument, "the ref is missing";
    /// The `ref` belongs to another member.
    RefTaken = "REF_TAKEN", AlreadyExists, "the ref belongs to another member";
    /// The member has as many valid former refs as it may have.
    TooManyAliases = "TOO_MANY_REF_ALIASES", FailedPrecondition, "the member has too many valid former refs";
    /// The text is not an e-mail address.
    EmailInvalid = "EMAIL_INVALID", InvalidArgument, "the e-mail address is not valid";
    /// The e-mail address belongs to another member.
    EmailTaken = "EMAIL_TAKEN", AlreadyExists, "the e-mail address belongs to another member";
    /// The worker id is empty, too long or has control characters.
    WorkerIdInvalid = "WORKER_ID_INVALID", InvalidArgument, "the worker id is not valid";
    /// The worker id belongs to another member.
    WorkerIdTaken = "WORKER_ID_TAKEN", AlreadyExists, "the worker id belongs to another member";
    /// A name, role or company is empty, too long or has control characters.
    NameInvalid = "NAME_INVALID", InvalidArgument, "the name is not valid";
    /// The tier is empty, too long, has control characters or is not one of the memberbase's.
    TierInvalid = "TIER_INVALID", InvalidArgument, "the tier is not valid";
    /// Members have a tier that the change would remove.
    TierInUse = "TIER_IN_USE", FailedPrecondition, "members have a tier that the change would remove";
    /// The phone number is not in the international form.
    PhoneInvalid = "PHONE_INVALID", InvalidArgument, "the phone number is not valid";
    /// The date of birth is not a date, is before 1900, or is in the future.
    DobInvalid = "DOB_INVALID", InvalidArgument, "the date of birth is not valid";
    /// The gender is not one of the known words.
    GenderInvalid = "GENDER_INVALID", InvalidArgument, "the gender is not valid";
    /// The bank details are not valid.
    BankAccountInvalid = "BANK_ACCOUNT_INVALID", InvalidArgument, "the bank details are not valid";
    /// The status is not one of the known words, or not allowed here.
    StatusInvalid = "STATUS_INVALID", InvalidArgument, "the status is not valid";
    /// The member's status does not allow this change of status.
    StatusTransition = "STATUS_TRANSITION", FailedPrecondition, "the member's status does not allow this";
    /// The e-mail address cannot change in the member's status.
    EmailFixed = "EMAIL_FIXED", FailedPrecondition, "the e-mail address cannot change in the member's status";
    /// An attribute's key or value is not valid, or there are too many.
    AttributeInvalid = "ATTRIBUTE_INVALID", InvalidArgument, "an attribute is not valid";
    /// An attribute's key is not in the schema, or its value has another type.
    AttributeMismatch = "INVALID_ATTRIBUTE_KEY", InvalidArgument, "an attribute does not match the schema";
    /// The new schema removes or retypes a key for which members have values.
    SchemaInUse = "INVALID_SCHEMA_MODIFICATION", FailedPrecondition,
        "members have values that the new schema does not allow";
    /// The member would be larger than a record may be.
    MemberTooLarge = "MEMBER_TOO_LARGE", InvalidArgument, "the member would be larger than 32 KiB";
    /// The row lacks the key that `match_by` matches by.
    MatchKeyMissing = "MATCH_KEY_MISSING", InvalidArgument, "the row lacks the key that it is matched by";
    /// The member is at another revision than `if_revision` says.
    RevisionMismatch = "REVISION_MISMATCH", Aborted, "the member is at another revision";
    /// The request would remove more members than the memberbase allows within 24 hours.
    RemovalGuard = "REMOVAL_GUARD", FailedPrecondition, "the request would remove too many members";
    /// The same key occurs in an earlier row of a full list.
    DuplicateInList = "DUPLICATE_IN_LIST", InvalidArgument, "the row's key occurs earlier in the list";
    /// A full list ended before its sender said that it is whole, or has another number of rows.
    ListIncomplete = "LIST_INCOMPLETE", InvalidArgument, "the list is not complete";
    /// A file cannot be read without damage.
    FileRefused = "FILE_REFUSED", InvalidArgument, "the file cannot be read without damage";
    /// A list that was made later was applied before.
    ListSuperseded = "LIST_SUPERSEDED", FailedPrecondition, "a newer list was applied before";
    /// No row of a full list can be applied.
    EveryRowFailed = "EVERY_ROW_FAILED", FailedPrecondition, "no row of the list can be applied";
    /// There is no such job.
    JobNotFound = "JOB_NOT_FOUND", NotFound, "there is no such job";
    /// The state of the job does not allow this.
    JobState = "JOB_STATE", FailedPrecondition, "the state of the job does not allow this";
    /// The hash is not that of the job's present plan.
    PlanHash = "PLAN_HASH", FailedPrecondition, "the hash is not that of the job's present plan";
    /// The stored jobs take all the room that they may.
    JobRoom = "JOB_ROOM", ResourceExhausted, "the stored jobs take all the room that they may";
    /// Too many jobs have not ended.
    TooManyJobs = "TOO_MANY_JOBS", ResourceExhausted, "too many jobs have not ended";
    /// The commit log no longer has the changes that are to be reverted.
    CommitsGone = "COMMITS_GONE", FailedPrecondition,
        "the commit log no longer has the changes that are to be reverted";
    /// The request would change more members in one way than the memberbase allows within 24 hours.
    ChangeGuard = "CHANGE_GUARD", FailedPrecondition,
        "the request would change too many members in the same way";
    /// More was changed than one revert takes back.
    RevertTooLarge = "REVERT_TOO_LARGE", FailedPrecondition, "more was changed than one revert takes back";
    /// Somebody else changed the member after the changes that a revert takes back.
    ChangedSince = "CHANGED_SINCE", FailedPrecondition, "somebody else changed the member since";
    /// A member that a revert would delete has records that are newer than it.
    RecordsAttached = "RECORDS_ATTACHED", FailedPrecondition,
        "records of the member were attached or changed since";
    /// A revert does not take back changes of this kind.
    NotReverted = "NOT_REVERTED", FailedPrecondition, "a revert does not take back changes of this kind";
    /// Too many members exchange their keys with each other, so that they do not fit into one commit.
    KeysEntangled = "KEYS_ENTANGLED", FailedPrecondition,
        "too many members exchange their keys with each other";
    /// More members would have to be checked one by one than one call checks.
    TooManyToCheck = "TOO_MANY_TO_CHECK", FailedPrecondition,
        "more members would have to be checked one by one than one call checks";
    /// Members have too many different values in a field.
    TooManyValues = "TOO_MANY_VALUES", FailedPrecondition, "members have too many different values in a field";
    /// The index of an attribute is being built.
    IndexBuilding = "INDEX_BUILDING", FailedPrecondition, "the index of the attribute is not complete yet";
    /// The memberbase has not reached the requested revision.
    RevisionAhead = "REVISION_AHEAD", FailedPrecondition, "the memberbase has not reached this revision";
    /// There is no such member in this memberbase.
    MemberNotFound = "MEMBER_NOT_FOUND", NotFound, "there is no such member";
    /// There is no such memberbase, or it is deleted.
    MemberBaseNotFound = "MEMBER_BASE_NOT_FOUND", NotFound, "there is no such memberbase";
    /// The member has no such record.
    RecordNotFound = "RECORD_NOT_FOUND", NotFound, "the member has no such record";
    /// The external id belongs to a transaction of another member.
    TransactionTaken = "TRANSACTION_TAKEN", AlreadyExists,
        "the external id belongs to another member's transaction";
    /// The external id belongs to a stamp collection of another loyalty program.
    StampCollectionTaken = "STAMP_COLLECTION_TAKEN", AlreadyExists,
        "the external id belongs to another loyalty program";
    /// There is no such audience in this memberbase.
    AudienceNotFound = "AUDIENCE_NOT_FOUND", NotFound, "there is no such audience";
    /// Another audience of the memberbase that is not archived has this name.
    AudienceNameTaken = "AUDIENCE_NAME_TAKEN", AlreadyExists, "another audience has this name";
    /// The audience is archived.
    AudienceArchived = "AUDIENCE_ARCHIVED", FailedPrecondition, "the audience is archived";
    /// Other audiences use the audience in their filters.
    AudienceInUse = "AUDIENCE_IN_USE", FailedPrecondition, "other audiences use this audience";
    /// The filter of an audience would use the audience itself, directly or through others.
    AudienceCycle = "AUDIENCE_CYCLE", FailedPrecondition, "the audience would use itself";
    /// The memberbase has as many audiences as it may have.
    TooManyAudiences = "TOO_MANY_AUDIENCES", FailedPrecondition, "there are too many audiences";
    /// Audiences use an attribute, or a type of it, that the change would remove.
    AttributeInUse = "ATTRIBUTE_IN_USE", FailedPrecondition,
        "audiences use an attribute that the change would remove";
    /// There is no such token.
    TokenNotFound = "API_TOKEN_NOT_FOUND", NotFound, "there is no such token";
    /// The store has as many tokens as it may have.
    TooManyTokens = "TOO_MANY_TOKENS", FailedPrecondition, "there are too many tokens";
    /// The memberbase is not deleted, or its grace period is over.
    NotDeleted = "NOT_DELETED", FailedPrecondition, "the memberbase is not deleted";
    /// Several memberbases have this name.
    NameAmbiguous = "NAME_AMBIGUOUS", FailedPrecondition, "several memberbases have this name";
    /// An id has the wrong prefix, length or characters.
    IdMalformed = "ID_MALFORMED", InvalidArgument, "the id is malformed";
    /// The cursor was changed, or belongs to another list.
    CursorInvalid = "CURSOR_INVALID", InvalidArgument, "the cursor does not belong to this list";
    /// The filter is not valid.
    FilterInvalid = "FILTER_INVALID", InvalidArgument, "the filter is not valid";
    /// The filter is nested too deep.
    FilterTooDeep = "FILTER_TOO_DEEP", InvalidArgument, "the filter is nested too deep";
    /// The filter has too many conditions, values or regular expressions.
    FilterTooLarge = "FILTER_TOO_LARGE", InvalidArgument, "the filter is too large";
    /// A regular expression does not compile, or is too large.
    RegexInvalid = "REGEX_INVALID", InvalidArgument, "the regular expression is not valid";
    /// A sort key or direction is not known.
    SortInvalid = "SORT_INVALID", InvalidArgument, "the sort order is not valid";
    /// The page limit is less than 1.
    PageLimitInvalid = "PAGE_LIMIT_INVALID", InvalidArgument, "the page limit must be at least 1";
    /// `skip` is negative, or too large for a list whose records must be checked.
    SkipInvalid = "SKIP_INVALID", InvalidArgument, "skip is not valid for this list";
    /// An atomic call has more rows or bytes than fit into one commit.
    AtomicTooLarge = "ATOMIC_TOO_LARGE", InvalidArgument, "the atomic call is too large for one commit";
    /// The row is valid, but another row of its atomic call failed.
    AtomicAborted = "BATCH_REJECTED", Aborted, "another row of the atomic call failed";
    /// The call has more rows than it may have.
    TooManyRows = "TOO_MANY_ROWS", InvalidArgument, "the call has too many rows";
    /// The message is larger than the server accepts.
    MessageTooLarge = "MESSAGE_TOO_LARGE", ResourceExhausted, "the message is too large";
    /// A string is not UTF-8.
    InvalidUtf8 = "INVALID_UTF8", InvalidArgument, "a string is not valid UTF-8";
    /// The message cannot be decoded.
    MessageMalformed = "MESSAGE_MALFORMED", InvalidArgument, "the message cannot be decoded";
    /// The reply would not fit into one message; nothing was written.
    ReplyTooLarge = "REPLY_TOO_LARGE", InvalidArgument, "the reply would be too large";
    /// A chunk of a stream has more bytes than it may have.
    ChunkTooLarge = "CHUNK_TOO_LARGE", InvalidArgument, "the chunk is too large";
    /// The chunks of a stream are not numbered in order.
    ChunkOutOfOrder = "CHUNK_OUT_OF_ORDER", InvalidArgument, "the chunks are out of order";
    /// The same request id came with another request.
    RequestIdReused = "REQUEST_ID_REUSED", InvalidArgument, "the request id was used for another request";
    /// A request with this id is still running.
    RequestRunning = "REQUEST_RUNNING", Aborted, "a request with this id is still running";
    /// The same writer has begun a newer stream, which goes on from here.
    StreamReplaced = "STREAM_REPLACED", Aborted, "a newer stream of the same writer has begun";
    /// The request repeats one whose reply showed a secret. The secret was shown once and is not stored.
    SecretNotKept = "SECRET_NOT_KEPT", FailedPrecondition, "the secret was shown once and is not stored";
    /// It is unknown whether the commit happened; read, or send the request again, to find out.
    CommitUnknown = "COMMIT_UNKNOWN", Unavailable, "it is unknown whether the commit happened";
    /// The disk is nearly full: writes are refused, and reads too once half of the reserve is used up.
    StorageFull = "STORAGE_FULL", ResourceExhausted, "the disk is nearly full";
    /// The store refuses writes until it is opened again.
    StorageFailed = "STORAGE_FAILED", Unavailable, "the store failed and refuses writes until a restart";
    /// The store cannot do this at the moment; the log says why.
    StorageUnavailable = "STORAGE_UNAVAILABLE", Unavailable, "the store cannot do this at the moment";
    /// Too many requests are waiting; try again shortly.
    Overloaded = "OVERLOADED", ResourceExhausted, "too many requests are waiting";
    /// The token has used up its requests or rows per second.
    RateLimited = "RATE_LIMITED", ResourceExhausted, "the token has used up its limit per second";
    /// The message, or the body, arrived too slowly.
    TooSlow = "TOO_SLOW", DeadlineExceeded, "the message did not arrive in time";
    /// The caller's deadline passed before the request was started.
    Deadline = "DEADLINE", DeadlineExceeded, "the deadline passed before the request was started";
    /// This kind of store does not support the operation.
    NotSupported = "NOT_SUPPORTED", Unimplemented, "this kind of store does not support the operation";
    /// The service is starting: it is opening its store.
    Starting = "STARTING", Unavailable, "the service is starting";
    /// Another server owns the store; this one takes over when that one is gone.
    Standby = "STANDBY", Unavailable, "another server owns the store";
    /// The call was passed on to the active server, which was lost before it answered.
    AnswerLost = "ANSWER_LOST", Unavailable, "the active server was lost before it answered";
    /// The service is stopping.
    ShuttingDown = "SHUTTING_DOWN", Unavailable, "the service is stopping";
    /// The call has no token, or one that is not valid.
    Unauthenticated = "UNAUTHENTICATED", Unauthenticated, "a valid token is required";
    /// The token does not allow this.
    PermissionDenied = "PERMISSION_DENIED", PermissionDenied, "the token does not allow this";
    /// Stored data cannot be read.
    StorageCorrupt = "STORAGE_CORRUPT", DataLoss, "stored data cannot be read";
    /// A fault of the service; the log has more.
    Internal = "INTERNAL", Internal, "internal error";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for word in words {
            let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(word.bytes().all(fits) && !word.starts_with('_') && !word.ends_with('_'), "{word}");
        }
    }

    #[test]
    fn sentences_begin_in_lower_case_and_end_without_a_full_stop() {
        for reason in Reason::ALL {
            let text = reason.describe();
            assert!(!text.ends_with('.') && text.starts_with(|first: char| first.is_lowercase()), "{reason}");
        }
    }

    #[test]
    fn codes_are_named_as_grpc_names_them() {
        assert_eq!(Reason::RefTaken.code().to_string(), "ALREADY_EXISTS");
        assert_eq!(Reason::RevisionMismatch.code().to_string(), "ABORTED");
        assert_eq!(Reason::RevisionAhead.code().to_string(), "FAILED_PRECONDITION");
        assert_eq!(Reason::CommitUnknown.code().to_string(), "UNAVAILABLE");
    }
}
