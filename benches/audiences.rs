//! Measures what audiences cost the writes of a memberbase.
//!
//! Run it with `cargo bench --bench audiences -- [MEMBERS [AUDIENCES]]`.
//!
//! The same members, with six attributes each, are loaded into a memberbase without audiences and into one
//! with audiences (100 unless told otherwise), a thousand rows at a time with eight requests waiting, and
//! then six times unchanged and once with a tenth of them changed. The two take ten turns. It prints the rows
//! that are written in a second of wall time, the CPU time of the whole process, and the shares of both that
//! each turn has. Then it measures how long it takes to build one more audience, from sets and from the
//! members.
//!
//! With `late` as an argument the lane evaluates new members itself. With `memory` as the first argument it
//! loads members into one memberbase, changes a fifth of them, and prints the memory of the process. Compare
//! a run with 0 audiences. `BENCH_DIR` names the folder.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use memberbase::engine::Engine;
use memberbase::engine::sled::{SledConfig, SledEngine};
use memberbase::model::filter::{RawFilter, RawRegex, RawValue};
use memberbase::model::origin::Call;
use memberbase::model::schema::{AttributeType, WantedSchema};
use memberbase::model::{
    AttributeValue, AudienceFilter, AudienceName, AudienceState, BaseName, BaseSettings, Change, Date, Email,
    GuardLimitsChange, LimitChange, MemberPatch, MemberRow, Name, Origin, Phone, Ref, Tier, Timestamp,
    UpsertOptions,
};
use memberbase::table::{
    AudienceRequest, AudienceWhat, Base, Series, SettingsRequest, Table, TableConfig, UpsertReply,
    UpsertRequest, WriteMode,
};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 1_000;
const WAITING: usize = 8;
/// How often unchanged rows are loaded again.
const RESYNCS: u64 = 6;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (members, audiences) = (numbers.first().copied().unwrap_or(200_000), numbers.get(1).copied());
    let audiences = audiences.unwrap_or(100);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // On a thread of the runtime, as calls are.
    let done = if has("memory") {
        runtime.spawn(memory(members, audiences))
    } else {
        runtime.spawn(run(members, audiences))
    };
    runtime.block_on(done).unwrap();
}

/// Whether an argument was given.
fn has(wanted: &str) -> bool {
    std::env::args().any(|argument| argument == wanted)
}

/// The present time.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// A table in a new folder, which is removed with it.
async fn table() -> (Arc<Table>, tempfile::TempDir) {
    let folder = std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".to_owned());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let config = SledConfig::new(folder.path().join("data"));
    let opened = tokio::task::spawn_blocking(|| SledEngine::open(config, |_| ()));
    let engine: Arc<dyn Engine> = Arc::new(opened.await.unwrap().unwrap());
    let config = TableConfig { early_audiences: !has("late"), ..TableConfig::default() };
    (Table::open(engine, Arc::new(now), config).await.unwrap(), folder)
}

async fn run(members: u64, audiences: u64) {
    let (table, _folder) = table().await;
    let without = base(&table, 0).await;
    let with = base(&table, audiences).await;
    // Unchanged rows are fast, so they are loaded again several times to be measured.
    for (what, changed, times) in [("fresh", None, 1), ("unchanged", None, RESYNCS), ("changed", Some(10), 1)]
    {
        let (mut wall, mut cpu) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        // In turns, so that both meet the same machine.
        let pieces = 10;
        for piece in 0..pieces {
            let rows = members * piece / pieces..members * (piece + 1) / pieces;
            for nth in if piece % 2 == 0 { [0, 1] } else { [1, 0] } {
                let requests = (0..times).flat_map(|_| requests(rows.clone(), changed)).collect();
                let (begun, before) = (Instant::now(), cpu_seconds());
                load([&without, &with][nth], requests).await;
                wall[nth].push(begun.elapsed().as_secs_f64());
                // What the rows left to be done belongs to them.
                quiet().await;
                cpu[nth].push(cpu_seconds() - before);
            }
        }
        let rows = (members * times) as f64;
        let all = |seconds: &Vec<f64>| seconds.iter().sum::<f64>();
        let [rate, micros] =
            [wall.each_ref().map(|s| rows / all(s)), cpu.each_ref().map(|s| all(s) * 1e6 / rows)];
        println!(
            "{what:10} {rows:9} | rows/s: {:8.0} without, {:8.0} with, {:3.0} % (of the turns {}) | CPU us a row: \
             {:6.2} without, {:6.2} with, {:3.0} % (of the turns {})",
            rate[0],
            rate[1],
            rate[1] / rate[0] * 100.0,
            shares(&wall),
            micros[0],
            micros[1],
            micros[0] / micros[1] * 100.0,
            shares(&cpu)
        );
    }
    println!("a member is in {:.1} audiences", memberships(&with, members).await);
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

/// Loads members, changes a fifth of them, and prints the memory after each step.
async fn memory(members: u64, audiences: u64) {
    let (table, _folder) = table().await;
    let base = base(&table, audiences).await;
    let said =
        |what: &str| println!("{what:10} {:4} MB now, {:4} MB at most", status("VmRSS"), status("VmHWM"));
    said("empty");
    for (what, changed) in [("fresh", None), ("changed", Some(5))] {
        for begin in (0..members).step_by(100_000) {
            load(&base, requests(begin..members.min(begin + 100_000), changed)).await;
        }
        quiet().await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        said(what);
    }
    println!("a member is in {:.1} audiences", memberships(&base, members).await);
    table.close().await.unwrap();
}

/// The seconds of each turn without audiences, divided by those with: the least, the median and the greatest.
fn shares([without, with]: &[Vec<f64>; 2]) -> String {
    let mut shares: Vec<f64> =
        without.iter().zip(with).map(|(without, with)| without / with * 100.0).collect();
    shares.sort_by(f64::total_cmp);
    let last = shares.len() - 1;
    format!(
        "{:.0}, {:.0}, {:.0}",
        shares[0],
        (shares[last / 2] + shares[last.div_ceil(2)]) / 2.0,
        shares[last]
    )
}

/// The number of audiences that a member is in on average.
async fn memberships(base: &Arc<Base>, members: u64) -> f64 {
    let view = base.view().await;
    let all: u64 = view.audiences().in_use().map(|audience| view.audience_rows(audience.number).len()).sum();
    all as f64 / members as f64
}

/// Waits until the process has nothing to do.
async fn quiet() {
    let mut before = cpu_seconds();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        let now = cpu_seconds();
        if now - before < 0.015 {
            return;
        }
        before = now;
    }
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
    let off = LimitChange::of_percent(100).unwrap();
    let guard_limits = GuardLimitsChange::of(|_| off);
    let origin = Origin::system(Call::NONE);
    let request = SettingsRequest { schema, guard_limits, ..SettingsRequest::new(origin) };
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

/// A number that looks random, of two numbers.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// The filter of the nth audience. Of ten audiences one names others, one has regular expressions and one has
/// parts in parts; no two have the same filter.
fn filter(table: &Arc<Table>, base: &Arc<Base>, n: u64) -> Vec<RawFilter> {
    let id = |n: u64| {
        let number = memberbase::model::AudienceNumber(u32::try_from(n).unwrap());
        RawValue::Text(table.sealer().audience_id(base.number(), number))
    };
    let raw = |key: &str| RawFilter { key: Some(key.to_owned()), ..RawFilter::default() };
    let words = |text: String| Some(RawValue::Text(text));
    let number = |value: u64| Some(RawValue::Number(value as f64));
    let all = |and| RawFilter { and: Some(and), ..RawFilter::default() };
    let any = |or| RawFilter { or: Some(or), ..RawFilter::default() };
    let begins = |key: &str, prefix: String| RawFilter { prefix: Some(prefix), ..raw(key) };
    let regex = |key: &str, pattern: String, case_insensitive| RawFilter {
        regex: Some(RawRegex { pattern, case_insensitive }),
        ..raw(key)
    };
    let (tens, city) = (n / 10, text("attributes.city", &format!("city {}", n * 7 % 50)));
    match n % 10 {
        0 if n >= 20 => vec![
            RawFilter { eq: Some(id(n - 3)), ..raw("audience") },
            RawFilter { ne: Some(id(n - 7)), ..raw("audience") },
        ],
        1 => vec![text("tier", &format!("tier {}", tens % 4)), city],
        2 => vec![
            RawFilter { gte: number(tens * 9), ..raw("attributes.level") },
            RawFilter { lt: number(tens * 9 + 40), ..raw("attributes.level") },
        ],
        3 => {
            let cities = (n..n + 20).map(|n| RawValue::Text(format!("city {}", n % 50))).collect();
            vec![RawFilter { in_: Some(cities), ..raw("attributes.city") }, text("status", "active")]
        }
        4 => vec![RawFilter { eq: Some(RawValue::Bool(tens % 2 == 0)), ..raw("attributes.remote") }, city],
        5 => match tens {
            0 | 5 => vec![regex("email", format!("{tens}[0-9]*@(x|y|mail)[.]"), false)],
            1 | 6 => vec![regex("company", format!("^(the )?company {tens}"), true)],
            2 | 7 => vec![regex("attributes.note", format!("(urgent|paid|late) .*{tens}$"), false)],
            3 | 8 => vec![regex("last_name", format!("^[A-M].*{tens}|son$"), true)],
            _ => vec![
                regex("role", format!("(lead|head|chief) .*{}", tens % 9), true),
                regex("email", format!("^[a-m].*{}@", tens % 7), false),
            ],
        },
        6 => {
            let after = format!("202{}-0{}-01", tens % 6, tens % 9 + 1);
            vec![RawFilter { gt: words(after), ..raw("attributes.joined") }, text("status", "active")]
        }
        7 => vec![any(vec![
            all(vec![text("role", &format!("lead {}", n % 20)), text("tier", "tier 1")]),
            all(vec![
                begins("company", format!("company {tens}")),
                any(vec![
                    RawFilter { exists: Some(true), ..raw("phone") },
                    RawFilter { lte: number(tens), ..raw("attributes.level") },
                ]),
                RawFilter { nin: Some(vec![RawValue::Text("tier 3".to_owned())]), ..raw("tier") },
            ]),
        ])],
        8 if tens % 3 == 0 => vec![
            RawFilter { gte: words(format!("19{}-01-01", 70 + tens)), ..raw("dob") },
            RawFilter { gt: words("2026-01-01T00:00:00Z".to_owned()), ..raw("updated_at") },
            city,
        ],
        8 => vec![begins("first_name", format!("Fi{tens}")), text("attributes.tags", "tag 1")],
        9 => vec![
            text("attributes.tags", &format!("tag {}", n % 30)),
            RawFilter { exists: Some(tens % 2 == 0), ..raw("attributes.note") },
        ],
        _ => {
            vec![RawFilter { ne: words("tier 0".to_owned()), ..raw("tier") }, begins("ref", format!("r{n}"))]
        }
    }
}

/// The nth member. One of `changed` has another level and another tier.
fn row(n: u64, changed: Option<u64>) -> MemberRow {
    let other = u64::from(changed.is_some_and(|every| mixed(n, 1).is_multiple_of(every)));
    let name = |text: String| Change::Set(Name::parse(text).unwrap());
    let letter = |salt| char::from(b'a' + u8::try_from(mixed(n, salt) % 26).unwrap());
    let domains = ["x.example", "y.example", "mail.example", "post.example"];
    let pick = |from: &[&str], salt| from[usize::try_from(mixed(n, salt)).unwrap() % from.len()].to_owned();
    let has = |salt| !mixed(n, salt).is_multiple_of(3);
    let mut patch = MemberPatch {
        ref_: Change::Set(Ref::parse(format!("r{n}")).unwrap()),
        email: Change::Set(Email::parse(format!("{}ember.{n}@{}", letter(2), pick(&domains, 3))).unwrap()),
        first_name: name(format!("Fi{} {}", mixed(n, 4) % 10, mixed(n, 5) % 1_000)),
        last_name: name(format!("{}ast{}", letter(6).to_ascii_uppercase(), mixed(n, 7) % 5_000)),
        role: name(format!("{} {}", pick(&["lead", "cook", "driver", "chief"], 8), mixed(n, 9) % 20)),
        company: name(format!("company {}", mixed(n, 10) % 100)),
        tier: Change::Set(Tier::parse(format!("tier {}", (mixed(n, 11) + other) % 4)).unwrap()),
        ..MemberPatch::default()
    };
    if has(12) {
        patch.phone = Change::Set(Phone::parse(format!("+4420{:08}", mixed(n, 13) % 100_000_000)).unwrap());
    }
    if has(14) {
        let day = format!("19{}-0{}-03", 60 + mixed(n, 15) % 40, 1 + mixed(n, 16) % 9);
        patch.dob = Change::Set(Date::parse(&day).unwrap());
    }
    let tag = |salt, of| format!("tag {}", mixed(n, salt) % of);
    let joined = format!("202{}-0{}-03", mixed(n, 17) % 6, mixed(n, 18) % 9 + 1);
    let attributes = [
        ("city", AttributeValue::text(format!("city {}", mixed(n, 19) % 50)).unwrap()),
        ("level", AttributeValue::number(((mixed(n, 20) + other) % 100) as f64).unwrap()),
        ("remote", AttributeValue::bool(mixed(n, 21).is_multiple_of(3))),
        ("joined", AttributeValue::text(joined).unwrap()),
        ("tags", AttributeValue::list(vec![tag(22, 30), tag(23, 7)]).unwrap()),
    ];
    attributes.into_iter().for_each(|(key, value)| patch.attributes.set(key, value).unwrap());
    if has(24) {
        let note =
            format!("{} and new {}", pick(&["urgent", "paid", "plain", "old"], 25), mixed(n, 26) % 1_000);
        patch.attributes.set("note", AttributeValue::text(note).unwrap()).unwrap();
    }
    MemberRow { patch, status: None, if_revision: None, has_account: false, found_by_id: None, doubts: None }
}

/// Some requests with a thousand rows each.
fn requests(numbers: std::ops::Range<u64>, changed: Option<u64>) -> Vec<UpsertRequest> {
    let begins: Vec<u64> = numbers.clone().step_by(usize::try_from(ROWS).unwrap()).collect();
    let request = |begin: u64| UpsertRequest {
        rows: (begin..numbers.end.min(begin + ROWS)).map(|n| Ok(row(n, changed))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::system(Call::NONE),
    };
    begins.into_iter().map(request).collect()
}

async fn load(base: &Arc<Base>, requests: Vec<UpsertRequest>) {
    let series = Series::default();
    let mut waiting = VecDeque::new();
    for request in requests {
        waiting.push_back(base.begin_upsert(request, &series).await.unwrap());
        if waiting.len() >= WAITING {
            check(&waiting.pop_front().unwrap().answer().await.unwrap());
        }
    }
    for one in waiting {
        check(&one.answer().await.unwrap());
    }
}

fn check(reply: &UpsertReply) {
    let fault = reply.outcomes.iter().find_map(|outcome| outcome.error.as_ref());
    assert!(fault.is_none(), "{fault:?}");
}

/// A size of this process, in megabytes.
fn status(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024 / 1_000_000
}

/// The CPU time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
