//! Every limit of the model, with its unit in its name or in its description.
//!
//! No other code in the crate may write one of these numbers as a literal.

/// Longest `ref`, in bytes.
pub const REF_MAX_BYTES: usize = 512;
/// Longest e-mail address, in bytes (RFC 5321 leaves 254 for a path without its brackets).
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest first name, last name, role or company, in characters.
pub const NAME_MAX_CHARS: usize = 256;
/// Longest tier name, in characters.
pub const TIER_MAX_CHARS: usize = 64;
/// Longest worker id, in bytes.
pub const WORKER_ID_MAX_BYTES: usize = 255;
/// Longest name of a memberbase, in characters.
pub const BASE_NAME_MAX_CHARS: usize = 256;
/// Longest phone number as sent, in bytes: 15 digits with room for the separators that are removed.
pub const PHONE_INPUT_MAX_BYTES: usize = 128;
/// Fewest digits of a phone number.
pub const PHONE_MIN_DIGITS: usize = 7;
/// Most digits of a phone number (E.164).
pub const PHONE_MAX_DIGITS: usize = 15;
/// Longest name of an account holder, in characters.
pub const ACCOUNT_HOLDER_MAX_CHARS: usize = 70;
/// Digits of a UK sort code.
pub const SORT_CODE_DIGITS: usize = 6;
/// Digits of a UK account number.
pub const ACCOUNT_NUMBER_DIGITS: usize = 8;
/// Longest bank field as sent, in bytes, separators included.
pub const BANK_INPUT_MAX_BYTES: usize = 128;
/// First year of a date of birth.
pub const DOB_MIN_YEAR: i16 = 1900;

/// Most attributes of one member, in keys.
pub const ATTRIBUTES_MAX_KEYS: usize = 100;
/// Longest attribute key, in bytes (its alphabet is ASCII).
pub const ATTRIBUTE_KEY_MAX_BYTES: usize = 64;
/// Longest string in an attribute, in bytes, alone or in a list.
pub const ATTRIBUTE_TEXT_MAX_BYTES: usize = 4096;
/// Longest list in an attribute, in strings.
pub const ATTRIBUTE_LIST_MAX_ITEMS: usize = 100;
/// From this magnitude on (2^53), JSON may round an integer.
pub const UNSAFE_INTEGER: f64 = 9_007_199_254_740_992.0;
/// Largest stored form of a member, in bytes.
pub const MEMBER_MAX_BYTES: usize = 32 * 1024;
/// The most that date of birth and bank details can take of it, rounded up, in bytes.
pub const PII_MAX_BYTES: usize = 384;

/// Members of a page if the caller sets no limit.
pub const PAGE_LIMIT_DEFAULT: u32 = 500;
/// Most members of a page; larger limits are lowered to it.
pub const PAGE_LIMIT_MAX: u32 = 5_000;
/// Most matching members that `skip` passes over if the list must check members one by one.
pub const SKIP_CHECKED_MAX: u64 = 10_000;
/// Most entries of `sorts`.
pub const SORTS_MAX: usize = 2;
/// Length of a cursor, in characters of base64url.
pub const CURSOR_CHARS: usize = 24;

/// Most levels of a filter tree; entries of `filters` are level 1.
pub const FILTER_MAX_DEPTH: usize = 8;
/// Most conditions in a filter tree. Combinators need no limit of their own, because none is empty and the
/// depth is limited.
pub const FILTER_MAX_OPERANDS: usize = 1_000;
/// Most values of one `in` or `nin` list.
pub const FILTER_IN_MAX_VALUES: usize = 10_000;
/// Most values of all `in` and `nin` lists of a filter tree together: one full list and a thousand other
/// values. This bounds the lookups of a list, and its work for each chunk of rows.
pub const FILTER_MAX_VALUES: usize = 11_000;
/// Longest regular expression, in bytes.
pub const REGEX_MAX_BYTES: usize = 512;
/// Largest compiled regular expression, in bytes. Refusing a larger one takes about 10 ms, so this bounds
/// time as well.
pub const REGEX_COMPILED_MAX_BYTES: usize = 512 * 1024;
/// Largest cache of a running regular expression, in bytes.
pub const REGEX_CACHE_MAX_BYTES: usize = 256 * 1024;
/// Most steps that a regular expression may take for one member: the number of its characters, classes and
/// choices, counting repeated ones as often as they may repeat, times the longest text of its key in bytes. A
/// step takes up to 5 ns. On attributes, which may have 32 KiB, this allows 512 characters, classes and
/// choices: as many as an expression without counted repetitions can have.
pub const REGEX_MAX_STEPS: u64 = 16 * 1024 * 1024;
/// Most steps that all regular expressions of a filter may take for one member: a third of a second at worst.
pub const FILTER_MAX_REGEX_STEPS: u64 = 64 * 1024 * 1024;
/// Most regular expressions in a filter tree: with the limits above, 16 MiB and a third of a second at worst.
pub const FILTER_MAX_REGEXES: usize = 32;
/// Most violations that one refusal lists.
pub const VIOLATIONS_MAX: usize = 100;

/// Most rows of an atomic call.
pub const ATOMIC_MAX_ROWS: usize = 10_000;
/// Most bytes that one commit changes, in blocks and in its log of the previous values.
pub const ATOMIC_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most rows for which a bulk call returns one result each.
pub const RESULTS_ALL_MAX_ROWS: usize = 100_000;
/// Most failed rows of a call that are returned with details.
pub const FAILURE_DETAILS_MAX_ROWS: usize = 1_000;
/// Most keys of a batch get.
pub const BATCH_GET_MAX_KEYS: usize = 10_000;
/// Longest name of an audience, in characters.
pub const AUDIENCE_NAME_MAX_CHARS: usize = 128;
/// Most audiences of a memberbase that are not archived.
pub const AUDIENCES_MAX: usize = 1_000;
/// Most audiences of a memberbase, archived ones included.
pub const AUDIENCES_ALL_MAX: usize = 10_000;
/// Most conditions in the filter of an audience: every write evaluates them.
pub const AUDIENCE_FILTER_MAX_CONDITIONS: usize = 100;
/// Largest filter of an audience, in bytes: its texts, and ten bytes for each condition and value.
pub const AUDIENCE_FILTER_MAX_BYTES: usize = 16 * 1024;
/// Most steps that the filter of an audience may take for one member: some milliseconds at worst. On
/// attributes, which may have 32 KiB, this allows regular expressions of 128 characters, classes and choices
/// together.
pub const AUDIENCE_FILTER_MAX_STEPS: u64 = 4 * 1024 * 1024;
/// Most members that one call adds to an audience or removes from it by hand.
pub const AUDIENCE_HAND_MAX_MEMBERS: usize = 10_000;
/// Most members that a preview of a filter returns.
pub const AUDIENCE_PREVIEW_MAX_MEMBERS: u32 = 100;
/// Most actions of a batch.
pub const BATCH_MAX_ACTIONS: usize = 100_000;
/// Most text of the columns of a list that are read under another name, in bytes.
pub const RENAMED_COLUMNS_MAX_BYTES: usize = 8 * 1024;
/// Most jobs of a page.
pub const JOBS_PAGE_MAX: usize = 500;
/// Longest name of a job, in characters.
pub const JOB_NAME_MAX_CHARS: usize = 200;
/// Largest plain size of a value with data of a job (input, plan or results), in bytes, before compression.
pub const JOB_VALUE_BYTES: usize = 64 * 1024;
/// Largest record of a new job, in bytes: what it gets while it runs fits beside it into a value of an
/// engine.
pub const JOB_RECORD_MAX_BYTES: usize = 48 * 1024;
/// Longest message about the end of a job, in bytes; a longer one is cut.
pub const JOB_MESSAGE_MAX_BYTES: usize = 2 * 1024;
/// Most jobs of a store that have not come to their end.
pub const OPEN_JOBS_MAX: usize = 10_000;
/// Members of a memberbase that may be changed in one way within 24 hours whatever the limit of the guard, in
/// members.
pub const GUARD_FREE: u64 = 10;
/// Most tiers of a memberbase with a limit of the guard of their own.
pub const GUARD_TIERS_MAX: usize = 16;
/// Most members of a bulk delete.
pub const BULK_DELETE_MAX_MEMBERS: usize = 100_000;
/// Most commits of a bulk delete whose revisions its reply has. It has more only if it shares its slices with
/// very many other writes.
pub const DELETE_REVISIONS_MAX: usize = 10_000;
/// Most members that one call brings back.
pub const UNDELETE_MAX_MEMBERS: usize = ATOMIC_MAX_ROWS;
/// How much of the commit log one search for deleted members reads, in bytes.
pub const UNDELETE_LOG_MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// How many bytes a part of a commit counts there, at least.
pub const UNDELETE_PART_MIN_BYTES: u64 = 256;
/// Most changes of a page of a member's history; larger limits are lowered to it.
pub const HISTORY_PAGE_MAX: usize = 500;
/// How much of the commit log one page of a history reads, in bytes: about this, and at most two commits
/// more.
pub const HISTORY_LOG_BYTES: u64 = 16 * 1024 * 1024;
/// The most that one revert keeps in memory of the members that it takes changes back of, in bytes: about a
/// million members.
pub const REVERT_MAX_BYTES: usize = 512 * 1024 * 1024;
/// Most rows of one chunk of an import.
pub const IMPORT_CHUNK_MAX_ROWS: usize = 10_000;
/// Most bytes of one chunk of an import.
pub const IMPORT_CHUNK_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most rows of a stream of rows that are taken together, and so written as one commit.
pub const STREAM_GROUP_MAX_ROWS: usize = 1_000;
/// Largest message of a stream of rows, in bytes. A row with the most and shortest texts that a member can
/// have takes half of it.
pub const STREAM_ROW_MAX_BYTES: usize = 256 * 1024;
/// Most valid former refs of a member.
pub const REF_ALIASES_MAX: usize = 8;
/// Longest time for which a former ref can stay valid, in days.
pub const REF_ALIAS_MAX_DAYS: i64 = 366;
/// The time for which a former ref stays valid unless the caller sets another, in days.
pub const REF_ALIAS_DAYS: i64 = 30;
/// Longest request id, in visible ASCII characters.
pub const REQUEST_ID_MAX_CHARS: usize = 255;
/// Longest description of a token, in characters.
pub const TOKEN_DESCRIPTION_MAX_CHARS: usize = 256;
/// Most entries of a call that sets attributes.
pub const ATTRIBUTE_ENTRIES_MAX: usize = 10_000;
/// Most tokens of a store, in tokens; revoked ones count, because they stay listed.
pub const TOKENS_MAX: usize = 100_000;
/// Largest limit of a token, in requests or rows per second.
pub const TOKEN_RATE_MAX: u32 = 10_000_000;

/// Most tiers in the settings of a memberbase.
pub const TIERS_MAX: usize = 64;

/// Longest id, code or descriptor from another system in a record, in bytes.
pub const FOREIGN_TEXT_MAX_BYTES: usize = 255;
/// Largest content of a creative, in bytes of JSON.
pub const CREATIVE_CONTENT_MAX_BYTES: usize = 16 * 1024;
/// Most stamps added by one call.
pub const STAMPS_MAX_AT_ONCE: u64 = 1_000_000;
/// Most events of one call that ingests transactions.
pub const INGEST_MAX_EVENTS: usize = 5_000;
/// Fewest digits of a card in a transaction.
pub const BIN_MIN_DIGITS: usize = 6;
/// Most digits of a card in a transaction.
pub const BIN_MAX_DIGITS: usize = 8;
/// Largest integer that JSON numbers represent exactly (2^53 - 1).
pub const SAFE_INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Most bytes of what a caller searches for.
pub const SEARCH_MAX_BYTES: usize = 256;
/// Most different words of what a caller searches for.
pub const SEARCH_MAX_WORDS: usize = 16;
/// Matches of a search up to which their number is exact.
pub const SEARCH_TOTAL_MAX: u64 = 10_000;
