//! Measures what audiences cost the writes of a memberbase.
//!
//! Run it with `cargo bench --bench audiences -- [MEMBERS [AUDIENCES]]`.
//!
//! The same members, with six attributes each, are loaded into a memberbase without audiences and into one
//! with audiences (100 unless told otherwise), a thousand rows at a time with eight requests waiting, and
//! then once more unchanged and once with a tenth of them changed. The two take turns, and the CPU time of
//! the whole process counts. Every tenth audience names two others, every twentieth has a regular expression,
//! and the others have conditions on fields and on attributes of every type. Then it measures how long it
//! takes to build one more, from sets and from the members. `BENCH_DIR` names the folder.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use memberbase::engine::Engine;
use memberbase::engine::sled::{SledConfig, SledEngine};
use memberbase::model::filter::{RawFilter, RawRegex, RawValue};
use memberbase::model::origin::Call;
use memberbase::model::schema::{AttributeType, WantedSchema};
use memberbase::model::{
    AttributeValue, AudienceFilter, AudienceName, AudienceState, BaseName, BaseSettings, Change, Email,
    MemberPatch, MemberRow, Name, Origin, Ref, Tier, Timestamp, UpsertOptions,
};
use memberbase::table::{
    AudienceRequest, AudienceWhat, Base, Series, SettingsRequest, Table, TableConfig, UpsertRequest,
    WriteMode,
};

const ROWS: u64 = 1_000;
const WAITING: usize = 8;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (members, audiences) = (numbers.first().copied().unwrap_or(200_000), numbers.get(1).copied());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(members, audiences.unwrap_or(100)));
}

/// The present time.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

async fn run(members: u64, audiences: u64) {
    let folder = std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".to_owned());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let config = SledConfig::new(folder.path().join("data"));
    let opened = tokio::task::spawn_blocking(|| SledEngine::open(config, |_| ()));
    let engine: Arc<dyn Engine> = Arc::new(opened.await.unwrap().unwrap());
    let table = Table::open(engine, Arc::new(now), TableConfig::default()).await.unwrap();
    let without = base(&table, 0).await;
    let with = base(&table, audiences).await;
    println!(
        "{:10} {:>9} {:>20} {:>20} {:>7}",
        "", "members", "without: us a row", "with: us a row", "share"
    );
    for (what, changed) in [("fresh", None), ("unchanged", None), ("changed", Some(10))] {
        let mut spent = [0.0; 2];
        // In turns, so that both meet the same machine.
        let pieces = 10;
        for piece in 0..pieces {
            let rows = members * piece / pieces..members * (piece + 1) / pieces;
            for (spent, base) in spent.iter_mut().zip([&without, &with]) {
                let before = cpu_seconds();
                load(base, rows.clone(), changed).await;
                *spent += cpu_seconds() - before;
            }
        }
        let [without, with] = spent.map(|seconds| seconds * 1e6 / members as f64);
        println!("{what:10} {members:9} {without:20.2} {with:20.2} {:6.0}%", without / with * 100.0);
    }
    let prefix = RawFilter { prefix: Some("city 7".to_owned()), ..text("attributes.city", "") };
    let read = RawFilter { eq: None, ..prefix };
    for (how, filter) in [("from sets", text("attributes.city", "city 7")), ("from members", read)] {
        let begun = Instant::now();
        create(&table, &with, format!("one more {how}"), vec![filter]).await;
        while with.view().await.audiences().in_use().any(|audience| audience.state != AudienceState::Ready) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        println!("one more audience was built {how} in {:.3} s", begun.elapsed().as_secs_f64());
    }
    table.close().await.unwrap();
}

async fn base(table: &Arc<Table>, audiences: u64) -> Arc<Base> {
    let settings = BaseSettings::named(BaseName::parse("bench").unwrap());
    let number = table.create_base(settings, None).await.unwrap().number;
    let base = table.base(number).await.unwrap();
    let types = [
        ("city", AttributeType::String),
        ("level", AttributeType::Number),
        ("remote", AttributeType::Boolean),
        ("joined", AttributeType::Date),
        ("tags", AttributeType::Array),
        ("note", AttributeType::String),
    ];
    let types = types.into_iter().map(|(key, kind)| (key.to_owned(), kind)).collect();
    let schema = Some(WantedSchema { types, indexed: ["city".to_owned()].into() });
    let request = SettingsRequest { schema, ..SettingsRequest::new(Origin::system(Call::NONE)) };
    base.change_settings(request).await.unwrap();
    for n in 0..audiences {
        let filter = filter(table, &base, n);
        create(table, &base, format!("audience {n}"), filter).await;
    }
    base
}

async fn create(table: &Arc<Table>, base: &Arc<Base>, name: String, raw: Vec<RawFilter>) {
    let today = now().date();
    let filter = AudienceFilter::parse(raw, table.sealer(), base.number(), table.fold(), today).unwrap();
    let what = AudienceWhat::Create { name: AudienceName::parse(&name).unwrap(), filter };
    let request = AudienceRequest { what, claim: None, deadline: None, origin: Origin::system(Call::NONE) };
    base.change_audience(request).await.unwrap();
}

fn text(key: &str, value: &str) -> RawFilter {
    RawFilter {
        key: Some(key.to_owned()),
        eq: Some(RawValue::Text(value.to_owned())),
        ..RawFilter::default()
    }
}

/// The filter of the nth audience.
fn filter(table: &Arc<Table>, base: &Arc<Base>, n: u64) -> Vec<RawFilter> {
    let key = |key: &str| RawFilter { key: Some(key.to_owned()), ..RawFilter::default() };
    let number = |value: u64| Some(RawValue::Number(value as f64));
    let city = text("attributes.city", &format!("city {}", n % 50));
    match n % 10 {
        0 if n >= 20 => {
            let number = |n: u64| memberbase::model::AudienceNumber(u32::try_from(n).unwrap());
            let id = |n| table.sealer().audience_id(base.number(), number(n));
            vec![
                text("audience", &id(n - 3)),
                RawFilter { ne: Some(RawValue::Text(id(n - 7))), ..key("audience") },
            ]
        }
        1 => vec![text("tier", &format!("tier {}", n % 4)), city],
        2 => vec![RawFilter { gte: number(n % 10), ..key("attributes.level") }],
        3 => {
            let cities = (n..n + 20).map(|n| RawValue::Text(format!("city {}", n % 50))).collect();
            vec![RawFilter { in_: Some(cities), ..key("attributes.city") }]
        }
        4 => vec![RawFilter { eq: Some(RawValue::Bool(true)), ..key("attributes.remote") }, city],
        5 if n % 20 == 5 => {
            let pattern = format!("{}[0-9]*@(x|y)", n % 10);
            vec![RawFilter { regex: Some(RawRegex { pattern, case_insensitive: false }), ..key("email") }]
        }
        5 => vec![text("attributes.tags", &format!("tag {}", n % 30))],
        6 => {
            let at = RawValue::Text(format!("202{}-01-01", n % 6));
            vec![RawFilter { gt: Some(at), ..key("attributes.joined") }, text("status", "active")]
        }
        7 => vec![RawFilter {
            or: Some(vec![text("role", &format!("role {}", n % 20)), text("tier", "tier 1")]),
            ..RawFilter::default()
        }],
        8 => vec![RawFilter { prefix: Some(format!("First {}", n % 10)), ..key("first_name") }],
        _ => vec![RawFilter { exists: Some(true), ..key("attributes.note") }, city],
    }
}

/// The nth member. Of the `changed` one in so many has another level and another tier.
fn row(n: u64, changed: Option<u64>) -> MemberRow {
    let other = u64::from(changed.is_some_and(|every| n.is_multiple_of(every)));
    let name = |text: String| Change::Set(Name::parse(text).unwrap());
    let mut patch = MemberPatch {
        ref_: Change::Set(Ref::parse(format!("r{n}")).unwrap()),
        email: Change::Set(Email::parse(format!("member.{n}@x.example")).unwrap()),
        first_name: name(format!("First {}", n % 1_000)),
        last_name: name(format!("Last {}", n % 5_000)),
        role: name(format!("role {}", n % 20)),
        company: name(format!("company {}", n % 100)),
        tier: Change::Set(Tier::parse(format!("tier {}", (n + other) % 4)).unwrap()),
        ..MemberPatch::default()
    };
    let attributes = [
        ("city", AttributeValue::text(format!("city {}", n * 7 % 50)).unwrap()),
        ("level", AttributeValue::number(((n + other) % 10) as f64).unwrap()),
        ("remote", AttributeValue::bool(n.is_multiple_of(3))),
        ("joined", AttributeValue::text(format!("202{}-0{}-03", n % 6, n % 9 + 1)).unwrap()),
        ("tags", AttributeValue::list(vec![format!("tag {}", n % 30), format!("tag {}", n % 7)]).unwrap()),
    ];
    attributes.into_iter().for_each(|(key, value)| patch.attributes.set(key, value).unwrap());
    MemberRow { patch, status: None, if_revision: None, has_account: false, found_by_id: None, doubts: None }
}

async fn load(base: &Arc<Base>, numbers: std::ops::Range<u64>, changed: Option<u64>) {
    let series = Series::default();
    let mut waiting = VecDeque::new();
    let (mut next, end) = (numbers.start, numbers.end);
    while next < end {
        let rows = (next..end.min(next + ROWS)).map(|n| Ok(row(n, changed))).collect();
        next += ROWS;
        let request = UpsertRequest {
            rows,
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::system(Call::NONE),
        };
        waiting.push_back(base.begin_upsert(request, &series).await.unwrap());
        if waiting.len() >= WAITING {
            waiting.pop_front().unwrap().answer().await.unwrap();
        }
    }
    for one in waiting {
        let reply = one.answer().await.unwrap();
        assert!(reply.outcomes.iter().all(|outcome| outcome.error.is_none()));
    }
}

/// The CPU time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
