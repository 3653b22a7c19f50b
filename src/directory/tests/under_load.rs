//! Lists while members are written: a long list holds up no writes, and each part of it shows one revision.
//!
//! Everything runs on one thread, so a write makes progress only if the list lets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{directory_over, text, upsert};
use crate::directory::{Directory, Key, KeyResult, MemberList, RawPage, Search};
use crate::model::limits::{BATCH_GET_MAX_KEYS, FILTER_IN_MAX_VALUES, FILTER_MAX_OPERANDS};
use crate::model::schema::SentDefinition;
use crate::model::token::AccessLevel;
use crate::model::{
    AttributeValue, BaseNumber, Change, MemberRow, Name, RawFilter, RawRegex, RawValue, Ref, Tier,
};
use crate::table::{Base, UpsertRequest, WriteMode};

const MEMBERS: usize = 3_000;
/// The number of gold members at every revision: each write makes one of them silver and another member gold.
const GOLD: usize = 40;

fn member(place: usize) -> MemberRow {
    let mut row = MemberRow::default();
    row.patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
    row.patch.tier = Change::Set(tier(place < GOLD));
    row.patch.company = Change::Set(company(0));
    row.patch.attributes.set("group", AttributeValue::text(format!("g{}", place % 2_000)).unwrap()).unwrap();
    row
}

fn tier(is_gold: bool) -> Tier {
    Tier::parse(if is_gold { "gold" } else { "silver" }).unwrap()
}

fn company(round: u64) -> Name {
    Name::parse(format!("round {round}")).unwrap()
}

async fn base() -> (Directory, BaseNumber, Arc<Base>) {
    let definition = SentDefinition { kind: "string".to_owned(), indexed: true };
    let rows = (0..MEMBERS).map(member).collect();
    let (directory, number, _) = directory_over([("group".to_owned(), definition)], rows).await;
    let base = directory.guarded.base(AccessLevel::Write, number).await.unwrap();
    (directory, number, base)
}

fn on(key: &str) -> RawFilter {
    RawFilter { key: Some(key.to_owned()), ..RawFilter::default() }
}

/// A condition that every member fulfils, with as many values and operands as a filter may have.
fn heavy() -> Vec<RawFilter> {
    let groups = (0..FILTER_IN_MAX_VALUES).map(|group| text(format!("g{group}"))).collect();
    let one = |place: usize| RawFilter { ne: Some(text(format!("{place}"))), ..on("attributes.group") };
    let mut all = vec![RawFilter { in_: Some(groups), ..on("attributes.group") }];
    all.extend((0..FILTER_MAX_OPERANDS - 10).map(one));
    all
}

fn gold() -> RawFilter {
    RawFilter { eq: Some(text("gold")), ..on("tier") }
}

/// Writes until `stop` is set, and counts the writes.
async fn write(
    base: Arc<Base>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    rows: fn(u64) -> Vec<MemberRow>,
) {
    while !stop.load(Ordering::Relaxed) {
        let round = count.load(Ordering::Relaxed) + 1;
        let request = UpsertRequest { mode: WriteMode::Atomic, ..upsert(rows(round)) };
        let reply = base.upsert(request).await.unwrap();
        assert!(!reply.outcomes.iter().any(|outcome| outcome.is_failed()));
        count.store(round, Ordering::Relaxed);
    }
}

/// Turns a gold member silver, and a silver member gold.
fn swap(round: u64) -> Vec<MemberRow> {
    let round = usize::try_from(round).unwrap();
    let row = |place: usize, is_gold| {
        let mut row = MemberRow::default();
        row.patch.ref_ = Change::Set(Ref::parse(format!("r{}", place % MEMBERS)).unwrap());
        row.patch.tier = Change::Set(tier(is_gold));
        row
    };
    vec![row(round - 1, false), row(round - 1 + GOLD, true)]
}

/// Changes the company of all members, in one commit.
fn move_on(round: u64) -> Vec<MemberRow> {
    let row = |place: usize| {
        let mut row = MemberRow::default();
        row.patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
        row.patch.company = Change::Set(company(round));
        row
    };
    (0..MEMBERS).map(row).collect()
}

struct Writer {
    task: tokio::task::JoinHandle<()>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
}

impl Writer {
    fn start(base: &Arc<Base>, rows: fn(u64) -> Vec<MemberRow>) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn(write(Arc::clone(base), Arc::clone(&stop), Arc::clone(&count), rows));
        Self { task, stop, count }
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

fn list(base: BaseNumber, filters: Vec<RawFilter>) -> MemberList {
    let page = RawPage { limit: Some(5_000), ..RawPage::default() };
    MemberList { base, filters, page, search: None, total: true, ends: false, min_revision: None }
}

#[tokio::test]
async fn writes_make_progress_while_a_list_with_many_values_is_computed() {
    let (directory, number, base) = base().await;
    let writer = Writer::start(&base, swap);
    let filters = || heavy().into_iter().chain([gold()]).collect::<Vec<_>>();
    for _ in 0..5 {
        let before = writer.count();
        let page = directory.list_members(list(number, filters())).await.unwrap();
        // As many members as at every revision, all of them gold at this one.
        assert_eq!((page.members.len(), page.total, page.cursor), (GOLD, Some(GOLD as u64), None));
        assert!(page.members.iter().all(|(_, member)| member.profile.tier == Some(tier(true))));
        assert!(page.members.iter().all(|(_, member)| member.revision <= page.revision));
        assert!(writer.count() > before, "no write made progress");
        let search = Search { base: number, filters: filters(), skip: 5, take: 10 };
        let found = directory.search_members(search).await.unwrap();
        assert_eq!((found.members.len(), found.total), (10, GOLD as u64));
    }
    writer.stop().await;
}

#[tokio::test]
async fn ten_thousand_keys_are_looked_up_while_writes_go_on() {
    let (directory, number, base) = base().await;
    let refs: Vec<RawValue> = (0..FILTER_IN_MAX_VALUES).map(|place| text(format!("r{place}"))).collect();
    let filters = || vec![RawFilter { in_: Some(refs.clone()), ..on("ref") }, gold()];
    let quiet = directory.list_members(list(number, filters())).await.unwrap();
    assert_eq!((quiet.members.len(), quiet.total), (GOLD, Some(GOLD as u64)));
    let writer = Writer::start(&base, swap);
    for _ in 0..5 {
        let before = writer.count();
        let page = directory.list_members(list(number, filters())).await.unwrap();
        assert_eq!((page.members.len(), page.total), (GOLD, Some(GOLD as u64)));
        assert!(page.members.iter().all(|(_, member)| member.revision <= page.revision));
        assert!(writer.count() > before, "no write made progress");
    }
    writer.stop().await;
}

#[tokio::test]
async fn each_page_of_checked_members_is_of_one_revision_and_none_is_missed() {
    let (directory, number, base) = base().await;
    let regex = RawRegex { pattern: "^round".to_owned(), case_insensitive: false };
    let checked = RawFilter { regex: Some(regex), ..on("company") };
    // No index knows companies, so each of these conditions checks every member.
    let other = |place: usize| RawFilter { ne: Some(text(format!("other {place}"))), ..on("company") };
    let filters: Vec<RawFilter> = (0..FILTER_MAX_OPERANDS - 1).map(other).chain([checked.clone()]).collect();
    let writer = Writer::start(&base, move_on);
    let mut page = RawPage { limit: Some(5_000), ..RawPage::default() };
    let mut rows = Vec::new();
    let mut revisions = std::collections::BTreeSet::new();
    loop {
        let mut list = list(number, filters.clone());
        list.page = page.clone();
        let part = directory.list_members(list).await.unwrap();
        let mut companies: Vec<_> = part.members.iter().map(|(_, member)| &member.profile.company).collect();
        companies.dedup();
        assert!(companies.len() <= 1, "{companies:?}");
        assert!(part.members.iter().all(|(_, member)| member.revision <= part.revision));
        rows.extend(part.members.iter().map(|(row, _)| row.0));
        revisions.insert(part.revision);
        page = RawPage { cursor: part.cursor, ..page };
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(rows, (0..MEMBERS as u64).collect::<Vec<_>>());
    assert!(revisions.len() > 1, "nothing was written between the parts");
    let search = Search { base: number, filters: vec![checked], skip: 0, take: 10 };
    assert_eq!(directory.search_members(search).await.unwrap().total, MEMBERS as u64);
    writer.stop().await;
}

#[tokio::test]
async fn ten_thousand_keys_of_a_batch_are_of_one_revision_while_writes_go_on() {
    let keys = |missing: bool| -> Vec<Key> {
        let by_ref = |place: usize| Key::Ref(format!("r{}", if missing { place } else { place % MEMBERS }));
        (0..BATCH_GET_MAX_KEYS).map(by_ref).collect()
    };
    for (rows, missing) in [(swap as fn(u64) -> _, false), (swap, true), (move_on, false), (move_on, true)] {
        let (directory, number, base) = base().await;
        let writer = Writer::start(&base, rows);
        // A write of all members needs more turns than one batch gives, because its planning lets others go
        // first too.
        let before = writer.count();
        for _ in 0..3 {
            let batch = directory.batch_get(number, keys(missing), None).await.unwrap();
            let found: Vec<_> = batch
                .results
                .iter()
                .map(|answer| match answer {
                    KeyResult::Found(row, member) => Some((row.0, member)),
                    KeyResult::Missing | KeyResult::Omitted => None,
                })
                .collect();
            let whole = if missing { &found[..MEMBERS] } else { &found[..] };
            assert!(whole.iter().all(Option::is_some) && found[whole.len()..].iter().all(Option::is_none));
            let first: Vec<_> = found[..MEMBERS].iter().flatten().collect();
            assert!(first.iter().all(|(_, member)| member.revision <= batch.revision));
            let gold = first.iter().filter(|(_, member)| member.profile.tier == Some(tier(true))).count();
            assert_eq!(gold, GOLD, "a mixture of revisions");
            let mut companies: Vec<_> = first.iter().map(|(_, member)| &member.profile.company).collect();
            companies.dedup();
            assert_eq!(companies.len(), 1, "{companies:?}");
        }
        assert!(writer.count() > before, "no write made progress");
        writer.stop().await;
    }
}
