//! Search sets: compared with a plain scan of the members after every step.

use super::*;
use crate::engine::{Batch, Direction};
use crate::model::search::{SEARCH_VERSION, SearchText};
use crate::model::{Edit, GuardExpectation, Name, Profile, RevertOf, Sight};
use crate::stored::index::IndexState;
use crate::stored::{key, search};
use crate::table::audit::tests::assert_sound;

/// Names whose words begin alike, in several scripts and forms.
const NAMES: [&str; 14] = [
    "Ana",
    "ana-maria",
    "Anabel",
    "An",
    "a",
    "José",
    "Jose\u{301}",
    "ΑΝΑ",
    "Ёлкин",
    "елка",
    "山田",
    "山本 太郎",
    "Ångström 42",
    "0042",
];

const SEARCHES: [&str; 15] =
    ["a", "an", "ana", "anab", "ana ma", "jos", "josé", "αν", "е", "ёлк", "山", "山田", "ang 4", "004", "b"];

#[derive(Debug, Clone)]
enum Move {
    /// Members by number, each with its names and company, by their places in [`NAMES`]; in one commit or
    /// not.
    Write(Vec<(u16, Option<usize>, Option<usize>)>, bool),
    /// A call that replaces the member in a row.
    Replace(u8, Option<usize>),
    /// Another ref for the member in a row.
    Rename(u8, u16),
    Delete(Vec<u16>),
    Undelete(Vec<u8>),
    /// Takes back so many commits.
    Revert(u8),
    Checkpoint,
    Reopen,
    Crash,
}

fn moves() -> impl Strategy<Value = Move> {
    let name = || proptest::option::of(0..NAMES.len());
    let member = (0_u16..40, name(), name());
    prop_oneof![
        6 => (proptest::collection::vec(member, 1..30), any::<bool>())
            .prop_map(|(members, together)| Move::Write(members, together)),
        2 => (0_u8..60, name()).prop_map(|(row, first)| Move::Replace(row, first)),
        2 => (0_u8..60, 0_u16..60).prop_map(|(row, to)| Move::Rename(row, to)),
        2 => proptest::collection::vec(0_u16..40, 1..8).prop_map(Move::Delete),
        2 => proptest::collection::vec(0_u8..60, 1..30).prop_map(Move::Undelete),
        2 => (0_u8..6).prop_map(Move::Revert),
        2 => Just(Move::Checkpoint),
        1 => Just(Move::Reopen),
        2 => Just(Move::Crash)
    ]
}

fn named(n: u16, first: Option<usize>, company: Option<usize>) -> MemberRow {
    let name = |place: Option<usize>| match place {
        None => Change::Clear,
        Some(place) => Change::Set(Name::parse(NAMES[place]).unwrap()),
    };
    let mut row = plain_row(n);
    row.patch.email = Change::Clear;
    (row.patch.first_name, row.patch.company) = (name(first), name(company));
    row
}

impl Subject {
    /// Replaces the member in a row, if there is one.
    async fn replace(&self, row: u64, first: Option<usize>) {
        let mut new = named(0, first, None);
        new.patch.ref_ = Change::Keep;
        let (key, edit) = (MemberKey::Row(Row(row)), Edit::Replace(Box::new(new)));
        let what = EditWhat::Change { key, edit, if_revision: None };
        let (sight, expected) = (Sight::default(), GuardExpectation::default());
        let (claim, deadline, origin) = (None, None, Origin::default());
        let request = EditRequest { what, sight, expected, claim, deadline, origin };
        self.base.edit(request).await.unwrap();
    }

    /// Compares the sets with the members.
    async fn check_search(&self) {
        assert_sound(&self.engine).await;
        let view = self.base.view().await;
        let all: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let members = view.members(&all).await.unwrap();
        for text in SEARCHES {
            let search = SearchText::parse(text).unwrap();
            let ranges = search.ranges();
            let words = view.word_rows(&ranges).await.unwrap();
            let is_found = |row: &Row| {
                words
                    .iter()
                    .all(|rows| rows.get(&0).is_some_and(|rows| rows.contains(u32::try_from(row.0).unwrap())))
            };
            let matches = |profile: &Profile| search.matches(profile, &mut 0);
            let is_exact = ranges.iter().all(|range| range.is_exact);
            for (row, member) in &members {
                let expected = matches(&member.profile);
                assert!(is_found(row) || !expected, "{text} lacks {:?}", member.profile.first_name);
                assert!(!is_exact || is_found(row) == expected, "{text} has {row:?}");
            }
            let living: Vec<u64> = members.iter().map(|(row, _)| row.0).collect();
            let rows = words.iter().flat_map(|rows| rows.values().flatten());
            assert!(rows.into_iter().all(|row| living.contains(&u64::from(row))), "{text}");
        }
    }
}

async fn follow(moves: Vec<Move>) {
    let mut subject = Subject::new().await;
    for (number, step) in (1..).zip(moves) {
        subject.clock.fetch_add(1, Ordering::Relaxed);
        match step {
            Move::Write(members, together) => {
                let rows: Vec<MemberRow> =
                    members.into_iter().map(|(n, first, company)| named(n, first, company)).collect();
                let mode = if together { WriteMode::Atomic } else { WriteMode::Partial };
                subject.upsert(&rows, UpsertOptions::default(), mode).await;
            }
            Move::Replace(row, first) => subject.replace(row.into(), first).await,
            Move::Rename(row, to) => drop(subject.rename(row.into(), Rename::new(ref_of(to), 3)).await),
            Move::Delete(refs) => {
                let refs = refs.into_iter().map(ref_of).collect();
                subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() }).await.unwrap();
            }
            Move::Undelete(rows) => drop(subject.undelete_rows(&rows).await.unwrap()),
            Move::Revert(commits) => {
                let last = subject.base.view().await.revision();
                let of = RevertOf::Revisions(last.saturating_sub(commits.into()).max(1), last);
                subject.revert(of, number, 7).await;
            }
            Move::Checkpoint => subject.base.checkpoint().await.unwrap(),
            Move::Reopen => {
                subject.base.close().await.unwrap();
                subject.crash().await;
            }
            Move::Crash => subject.crash().await,
        }
        subject.check_search().await;
    }
    subject.base.checkpoint().await.unwrap();
    subject.crash().await;
    subject.check_search().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn search_sets_agree_with_the_members(steps in proptest::collection::vec(moves(), 1..14)) {
        block_on(follow(steps));
    }
}

/// A member with sixty words, which are in few others.
fn wordy(n: u16) -> MemberRow {
    let begins = ["a", "an", "el", "j", "jo", "0", "00", "b"];
    let word = |w: u16| {
        let end = char::from_digit(u32::from((n * 7 + w * 17) % 36), 36).unwrap();
        format!("{}{end} ", begins[usize::from((n + w) % 8)])
    };
    let mut row = named(n, Some(usize::from(n) % NAMES.len()), None);
    let words: String = (0..60).map(word).collect();
    row.patch.role = Change::Set(Name::parse(words.trim()).unwrap());
    row
}

#[test]
fn a_search_among_many_moves_equals_a_full_evaluation() {
    block_on(async {
        let subject = Subject::new().await;
        let upsert = async |rows: Vec<MemberRow>| {
            subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        };
        upsert((0..1_200).map(wordy).collect()).await;
        let waiting = async || subject.base.status().await.overlay_entries;
        let before = waiting().await;
        subject.check_search().await;
        // The search has put the moves in order.
        assert!(waiting().await > before);
        upsert((0..1_200).step_by(3).map(|n| wordy(n + 1_000)).collect()).await;
        upsert((0..1_200).step_by(2).map(|n| named(n, Some(3), Some(1))).collect()).await;
        let refs = (0..1_200).step_by(5).map(ref_of).collect();
        subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() }).await.unwrap();
        upsert((0..1_200).step_by(4).map(wordy).collect()).await;
        subject.check_search().await;
        subject.check_search().await;
        subject.base.checkpoint().await.unwrap();
        subject.check_search().await;
    });
}

#[test]
fn search_sets_of_older_stores_are_built_at_open_also_after_an_interrupted_build() {
    block_on(async {
        let mut subject = Subject::new().await;
        let rows: Vec<MemberRow> =
            (0..40).map(|n| named(n, Some(usize::from(n) % NAMES.len()), Some(0))).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject.base.close().await.unwrap();
        let number = subject.base.number();
        let index = key::index(number);
        let stored = subject.engine.get_many(std::slice::from_ref(&index)).await.unwrap().remove(0).unwrap();
        let older = IndexState { search: 0, ..IndexState::decode(&stored).unwrap() };
        let parts = subject.engine.scan(search::all(number), Direction::Forward, usize::MAX).await.unwrap();
        assert!(parts.len() > 10);
        // Of some sets nothing is left, others have rows that they must not have.
        let mut batch = Batch::default();
        batch.put(index.clone(), older.encode());
        for (at, (part, value)) in parts.into_iter().enumerate() {
            let (group, chunk, first) = search::part_of(&part).unwrap();
            if at % 2 == 0 {
                batch.delete(part);
            } else {
                batch.put(search::part(number, group, chunk + 7, first), value);
            }
        }
        subject.engine.commit(batch).await.unwrap();
        subject.crash().await;
        subject.check_search().await;
        let stored = subject.engine.get_many(&[index]).await.unwrap().remove(0).unwrap();
        assert_eq!(IndexState::decode(&stored).unwrap(), IndexState { search: SEARCH_VERSION, ..older });
        // What was written after the build is replayed.
        subject.upsert(&[named(0, None, Some(8))], UpsertOptions::default(), WriteMode::Partial).await;
        subject.crash().await;
        subject.check_search().await;
    });
}

#[test]
fn members_without_lookup_entries_make_checkpoints_due_too() {
    block_on(async {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
        let config = TableConfig { checkpoint_entries: 20, ..TableConfig::default() };
        let table = Table::open(Arc::clone(&engine), Arc::clone(&clock), config).await.unwrap();
        let number = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let base = table.base(number).await.unwrap();
        let subject = Subject { engine, clock: Arc::new(AtomicI64::new(1)), table, base };
        let watermark = async || {
            let stored = subject.engine.get_many(&[key::index(number)]).await.unwrap().remove(0).unwrap();
            IndexState::decode(&stored).unwrap().watermark
        };
        let mut row = named(0, Some(0), None);
        (row.patch.ref_, row.patch.email) = (Change::Keep, Change::Set(Email::parse("a@x.example").unwrap()));
        let options = UpsertOptions { match_by: MatchBy::Email, ..UpsertOptions::default() };
        for place in 0..40 {
            row.patch.first_name = Change::Set(Name::parse(NAMES[place % 7]).unwrap());
            subject.upsert(&[row.clone()], options, WriteMode::Partial).await;
        }
        while watermark().await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
}
