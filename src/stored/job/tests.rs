//! Jobs and their data come back, and damaged ones are refused.

use super::*;
use crate::model::filter::{RawFilter, RawRegex, RawValue};
use crate::model::origin::{Actor, Call, Cause, Door};
use crate::model::token::TokenId;
use crate::model::{
    BaseNumber, GuardCounts, GuardExpectation, Hold, Job, JobCursor, JobEnd, JobInput, JobNumber, JobState,
    JobTask, ListCounts, ListFormat, ListMatch, ListOptions, MatchBy, Origin, Outcome, PlanHash, PlanSummary,
    Reason, Refusal, RevertOf, Row, RowTally, Sight, Tier, Timestamp,
};
use crate::stored::documented::assert_documented;
use crate::stored::idempotency::RowResult;

const BASE: BaseNumber = BaseNumber(0x0102_0304);
const NUMBER: JobNumber = JobNumber(0x0a0b);

fn filter() -> RawFilter {
    let value = |text: &str| Some(RawValue::Text(text.to_owned()));
    RawFilter {
        key: Some("tier".to_owned()),
        eq: value("Gold"),
        ne: Some(RawValue::Null),
        gt: Some(RawValue::Number(-1.5)),
        gte: Some(RawValue::Bool(true)),
        lt: Some(RawValue::Bool(false)),
        lte: Some(RawValue::Object),
        in_: Some(vec![RawValue::List(vec![RawValue::Number(3.0)])]),
        nin: Some(Vec::new()),
        exists: Some(false),
        prefix: Some("G".to_owned()),
        regex: Some(RawRegex { pattern: "^G".to_owned(), case_insensitive: true }),
        and: Some(vec![RawFilter { exists: Some(true), ..RawFilter::default() }]),
        or: Some(vec![RawFilter::default()]),
    }
}

fn counts(from: u64) -> ListCounts {
    ListCounts {
        rows: RowTally {
            created: from,
            updated: from + 1,
            reactivated: from + 2,
            unchanged: from + 3,
            failed: from + 4,
        },
        removed: from + 5,
        not_judged: from + 6,
        spared: from + 7,
        out_of_scope: from + 8,
        newer: from + 9,
    }
}

fn counted(removals: u64, identities: u64, clears: u64, reactivations: u64, tiers: u64) -> GuardCounts {
    GuardCounts { removals, identities, clears, reactivations, tiers, ..GuardCounts::default() }
}

fn removals(removals: u64) -> GuardExpectation {
    GuardExpectation::of_removals(Some(removals))
}

fn full() -> Job {
    Job {
        base: BASE,
        number: NUMBER,
        task: JobTask::Sync(ListOptions {
            match_by: ListMatch::WorkerIdOrEmail,
            as_of: Some(Timestamp::from_micros(7)),
            scope: vec![filter(), RawFilter::default()],
            expect: GuardExpectation { tiers: Some(2), ..removals(300) },
            apply_status: true,
            keeps_bank_details: true,
        }),
        name: "nightly".to_owned(),
        is_dry_run: true,
        asks_first: true,
        origin: Origin {
            actor: Actor::Token(TokenId(9)),
            door: Door::Onsi,
            call: Call::NONE,
            cause: Cause::Request(5),
        },
        sight: Sight::WithoutPii,
        by_admin: true,
        state: JobState::Held,
        input: JobInput {
            format: Some(ListFormat::Ods),
            sheet: Some("Members".to_owned()),
            columns: vec![("Staff No".to_owned(), "worker_id".to_owned())],
            bytes: 1000,
            chunks: 1,
            rows: 30,
            sha256: [0xcd; 32],
        },
        plan: Some(PlanSummary {
            counts: counts(1),
            unreadable: 9,
            removed_young: (10, 11),
            revisions: (12, 13),
            next_row: 14,
            counted: counted(15, 16, 17, 18, 300),
            of_tiers: vec![(Tier::parse("Gold").unwrap(), 301)],
            hash: PlanHash([0xaa; 16]),
            rows_hash: PlanHash([0xbb; 16]),
            holds: vec![Hold::Removals, Hold::Requested],
        }),
        approved: Some((PlanHash([0xee; 16]), Actor::Owner)),
        planned_rows: 30,
        cursor: JobCursor { row: 1, removal: 2, step: 3 },
        done: counts(300),
        revisions: Some((15, 16)),
        created_at: Timestamp::from_micros(1),
        changed_at: Timestamp::from_micros(2),
        planned_at: Some(Timestamp::from_micros(3)),
        end: Some(JobEnd::new("REMOVAL_GUARD", "too many")),
    }
}

fn plain() -> Job {
    Job {
        task: JobTask::Batch { expect: GuardExpectation::default() },
        name: String::new(),
        is_dry_run: false,
        asks_first: false,
        by_admin: false,
        sight: Sight::Whole,
        state: JobState::Pending,
        input: JobInput::default(),
        plan: None,
        approved: None,
        planned_rows: 0,
        cursor: JobCursor::default(),
        done: ListCounts::default(),
        revisions: None,
        planned_at: None,
        end: None,
        origin: Origin::system(Call::NONE),
        ..full()
    }
}

/// A batch from somebody who expects some changes.
fn expecting() -> Job {
    let expect = GuardExpectation { tiers: Some(300), ..removals(2) };
    Job { task: JobTask::Batch { expect }, ..plain() }
}

#[test]
fn jobs_come_back_and_every_truncation_is_refused() {
    let list = |match_by| JobTask::Sync(ListOptions { match_by, ..ListOptions::default() });
    let tasks = [
        list(ListMatch::Key(MatchBy::Ref)),
        list(ListMatch::Key(MatchBy::Email)),
        list(ListMatch::Key(MatchBy::WorkerId)),
        list(ListMatch::Key(MatchBy::Id)),
        JobTask::DeleteByFilter { filters: vec![filter()], expect: removals(300) },
        JobTask::Revert(RevertOf::Job(JobNumber(7))),
        JobTask::Revert(RevertOf::Revisions(300, 400)),
        JobTask::Revert(RevertOf::Token(TokenId(8), Timestamp::from_micros(-1))),
    ];
    let others = tasks.into_iter().map(|task| Job { task, ..plain() });
    for job in [full(), plain(), expecting()].into_iter().chain(others) {
        let bytes = encode(&job);
        assert_eq!(decode(BASE, NUMBER, &bytes), Ok(job));
        for length in 0..bytes.len() {
            assert!(decode(BASE, NUMBER, &bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(decode(BASE, NUMBER, &[bytes.as_slice(), &[0]].concat()).is_err());
        let newer = [&[5], &bytes[1..]].concat();
        assert!(decode(BASE, NUMBER, &newer).is_err());
    }
}

#[test]
fn a_job_has_its_golden_bytes() {
    assert_documented(&encode(&full()));
    [plain(), expecting()].iter().for_each(|batch| assert_documented(&encode(batch)));
}

#[test]
fn records_of_version_1_are_read_with_the_most_that_they_may_change() {
    let job = full();
    let stored = encode_as(1, &job);
    assert_documented(&stored);
    assert!(is_older(&stored) && lacks_kinds(&stored));
    let mut expected = without_staying(job.clone());
    // 2 rows change a member, and 3 bring one back.
    let counted = counted(15, 5, 5, 3, 5);
    expected.plan.as_mut().unwrap().counted = counted;
    let JobTask::Sync(list) = &mut expected.task else { panic!() };
    list.expect = removals(300);
    assert_eq!(decode(BASE, NUMBER, &stored), Ok(expected));
    for length in 0..stored.len() {
        assert!(decode(BASE, NUMBER, &stored[..length]).is_err(), "{length} bytes");
    }
    let task = JobTask::DeleteByFilter { filters: vec![filter()], expect: removals(300) };
    let delete = Job { task, ..plain() };
    assert_eq!(decode(BASE, NUMBER, &encode_as(1, &delete)), Ok(delete));
}

/// A job as versions before 4 stored it.
fn without_tiers(mut job: Job) -> Job {
    job.plan.iter_mut().for_each(|plan| plan.of_tiers.clear());
    job
}

/// A job as versions before 3 stored it.
fn without_staying(job: Job) -> Job {
    let mut job = without_tiers(job);
    let staying = |counts: ListCounts| ListCounts { out_of_scope: 0, newer: 0, ..counts };
    job.done = staying(job.done);
    job.plan.iter_mut().for_each(|plan| plan.counts = staying(plan.counts));
    job.input.columns.clear();
    job
}

#[test]
fn records_of_version_3_are_read_without_tiers_and_what_a_batch_expects() {
    let stored = encode_as(3, &full());
    assert_documented(&stored);
    assert!(is_older(&stored) && !lacks_kinds(&stored));
    assert_eq!(decode(BASE, NUMBER, &stored), Ok(without_tiers(full())));
    for length in 0..stored.len() {
        assert!(decode(BASE, NUMBER, &stored[..length]).is_err(), "{length} bytes");
    }
    let batch = encode_as(3, &expecting());
    assert_documented(&batch);
    assert_eq!(decode(BASE, NUMBER, &batch), Ok(plain()));
}

#[test]
fn records_of_version_2_are_read_without_what_they_did_not_have() {
    let stored = encode_as(2, &full());
    assert_documented(&stored);
    assert!(is_older(&stored) && !lacks_kinds(&stored) && !is_older(&encode(&full())));
    assert_eq!(decode(BASE, NUMBER, &stored), Ok(without_staying(full())));
    for length in 0..stored.len() {
        assert!(decode(BASE, NUMBER, &stored[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn keys_have_their_golden_bytes_and_come_back() {
    let record = job(BASE, NUMBER);
    assert_documented(&record);
    assert_eq!((job_number(&record), job_number(&record[..8])), (Some((BASE, NUMBER)), None));
    for part in JobPart::ALL {
        let key = value(BASE, NUMBER, part, 258);
        assert_eq!(job_parts(&key), Some((BASE, NUMBER, part, 258)));
        assert_eq!((job_number(&key), job_parts(&record)), (None, None));
    }
    assert_documented(&value(BASE, NUMBER, JobPart::Plan, 258));
}

fn results() -> Vec<RowResult> {
    let refusal = Refusal::field(Reason::EmailTaken, "email", "taken");
    let good = |row, outcome| RowResult { row, outcome, status_kept: false, error: None };
    vec![
        good(Some(Row(5)), Outcome::Unchanged),
        good(None, Outcome::Created),
        RowResult {
            row: Some(Row(3)),
            outcome: Outcome::Failed,
            status_kept: false,
            error: Some(Refusal { taken_by: Some(Row(300)), ..refusal }),
        },
    ]
}

#[test]
fn plans_and_results_come_back_and_have_their_golden_bytes() {
    let planned: Vec<PlannedResult> = (2..)
        .zip(results())
        .map(|(line, result)| PlannedResult { line, is_unreadable: line == 4, result })
        .collect();
    let bytes = encode_planned(&planned);
    assert_eq!(decode_planned(&bytes), Ok(planned));
    assert_documented(&bytes);
    let removals = [Row(0), Row(1), Row(300)];
    let removed = encode_removals(&removals);
    assert_eq!(decode_removals(&removed), Ok(removals.to_vec()));
    assert_documented(&removed);
    let step = StepResults {
        revision: 300,
        rows: [7, 9, 1000].into_iter().zip(results()).collect(),
        removals: [
            (Row(1), RemovedResult::Removed),
            (Row(2), RemovedResult::Changed),
            (Row(5), RemovedResult::Gone),
            (Row(9), RemovedResult::Inactive),
        ]
        .into(),
    };
    let stepped = encode_step(&step);
    assert_eq!(decode_step(&stepped), Ok(step));
    assert_documented(&stepped);
    for length in 0..bytes.len() {
        assert!(decode_planned(&bytes[..length]).is_err());
    }
    for length in 0..stepped.len() {
        assert!(decode_step(&stepped[..length]).is_err());
    }
    for length in 0..removed.len() {
        assert!(decode_removals(&removed[..length]).is_err());
    }
}

#[test]
fn values_are_compressed_if_that_helps() {
    let noise: Vec<u8> =
        (0..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    for plain in [Vec::new(), b"a".to_vec(), vec![b'x'; PLAIN_MAX_BYTES], noise] {
        let packed = pack(&plain);
        assert!(packed.len() <= plain.len() + 5);
        assert_eq!(unpack(&packed), Ok(plain));
        for length in 0..packed.len() {
            assert!(unpack(&packed[..length]).is_err(), "{length}");
        }
    }
    let small = pack(&vec![b'x'; 1000]);
    assert!(small.len() < 40, "{}", small.len());
    assert!(unpack(&[1, 1, 0xff, 0xff, 0x7f]).is_err(), "longer than any value");
    assert_documented(&pack(b"a"));
}
