//! Measures an engine alone under the writes of a memberbase.
//!
//! Run it with `cargo bench --bench engine -- [MEMBERS]` for the sled engine. With `postgres [MEMBERS]` it
//! measures the engine on the database of `MEMBERBASE_TEST_STORE` under the same writes, then single writes,
//! and then what the database does with a row for each member and four unique or other indexes in the same
//! run, upserted by 1,000 with one statement. It leaves the schemas `bench` and `bench_rows` behind.
//!
//! Every 1,000 members are one batch of 63 blocks of 16 rows, a commit of up to 60 KB and the head of the
//! memberbase; every ten batches a checkpoint of 800-byte buckets follows. Two batches are in flight, as in a
//! lane. Then come reads, a clean close, an open, and an open after `kill -9` of a child process that writes
//! the same load. `BENCH_DIR` names the folder, and `BENCH_CACHE_MB` the size of the page cache.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use memberbase::engine::postgres::{Contention, Dsn, PostgresConfig, PostgresEngine};
use memberbase::engine::sled::{SledConfig, SledEngine};
use memberbase::engine::{Batch, Engine};

const MEMBERS_PER_BATCH: u64 = 1000;
/// 0.075 buckets a member, with a checkpoint every ten batches.
const BUCKETS_PER_CHECKPOINT: u64 = MEMBERS_PER_BATCH * 10 * 75 / 1000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["postgres"] => runtime.block_on(postgres(200_000)),
        ["postgres", members] => runtime.block_on(postgres(members.parse().unwrap())),
        ["child", dir, members] => runtime.block_on(child(Path::new(dir), members.parse().unwrap())),
        [] => runtime.block_on(run(1_000_000)),
        [members, ..] => runtime.block_on(run(members.parse().unwrap())),
    }
}

async fn run(members: u64) {
    let temp =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".to_owned())).unwrap();
    let engine = open(temp.path(), "open (new)").await;
    load(&engine, members).await;
    let status = engine.status();
    println!(
        "log {:.0} B/member, sled {:.0} B/member",
        per(status.log_bytes, members),
        per(status.disk_bytes, members)
    );
    gets(&engine, members).await;
    println!("memory {}", memory());
    timed("close", engine.close()).await.unwrap();
    drop(engine);
    let engine = open(temp.path(), "open after a close").await;
    gets(&engine, members).await;
    println!("memory {}", memory());
    timed("close", engine.close()).await.unwrap();
    drop(engine);

    let killed = temp.path().join("killed");
    std::fs::create_dir(&killed).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", killed.to_str().unwrap(), &members.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(Result::unwrap).find(|l| l == "loaded").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let engine = open(&killed, "open after kill -9").await;
    assert!(engine.status().durable >= members / MEMBERS_PER_BATCH);
    timed("close", engine.close()).await.unwrap();
    drop(engine);
    std::fs::remove_dir_all(killed.join("data/sled")).unwrap();
    let engine = open(&killed, "open without sled's directory").await;
    drop(engine);
}

async fn postgres(members: u64) {
    let text = std::env::var("MEMBERBASE_TEST_STORE").unwrap();
    let dsn = |schema: &str| {
        let separator = if text.contains('?') { '&' } else { '?' };
        Dsn::parse(&format!("{text}{separator}schema={schema}")).unwrap()
    };
    let sql = sql(&text).await;
    sql.batch_execute("DROP SCHEMA IF EXISTS bench CASCADE; DROP SCHEMA IF EXISTS bench_rows CASCADE")
        .await
        .unwrap();
    let config = PostgresConfig::new(dsn("bench"));
    let engine = timed("open (new)", PostgresEngine::open(config, Contention::Refuse)).await.unwrap();
    load(&engine, members).await;
    gets(&engine, members).await;
    singles(&engine).await;
    timed("close", engine.close()).await.unwrap();
    let size = "SELECT pg_total_relation_size('bench.kv')::float8, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8";
    let row = sql.query_one(size, &[]).await.unwrap();
    println!("tables {:.0} B/member", row.get::<_, f64>(0) / members as f64);
    let wal: f64 = row.get(1);
    rows(&sql, members).await;
    let row = sql.query_one(&size.replace("bench.kv", "bench_rows.members"), &[]).await.unwrap();
    println!(
        "rows: tables {:.0} B/member, log {:.0} B/member",
        row.get::<_, f64>(0) / members as f64,
        (row.get::<_, f64>(1) - wal) / members as f64
    );
}

/// Small writes as one member makes them: one after the other, then 64 at a time.
async fn singles(engine: &PostgresEngine) {
    for (what, at_once, count) in
        [("single writes", 1, 2_000_u64), ("single writes, 64 at a time", 64, 40_000)]
    {
        let start = Instant::now();
        let mut waiting = std::collections::VecDeque::new();
        for number in 0..count {
            let mut random = Random(number);
            let mut batch = Batch::default();
            batch.put([b"\x05s", &number.to_be_bytes()[..]].concat(), text(&mut random, 300));
            batch.put(block_key(random.next() % 1000), text(&mut random, 3500));
            batch.put(b"\x02header".to_vec(), text(&mut random, 100));
            waiting.push_back(engine.append(batch));
            if waiting.len() >= at_once {
                waiting.pop_front().unwrap().await.unwrap().publish();
            }
        }
        for append in waiting {
            append.await.unwrap().publish();
        }
        println!("{what}: {:.0}/s", count as f64 / start.elapsed().as_secs_f64());
    }
}

/// A connection to the first host, without TLS.
async fn sql(text: &str) -> tokio_postgres::Client {
    let config: tokio_postgres::Config = text.parse().unwrap();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Tcp(name) => {
            let socket = tokio::net::TcpStream::connect((name.as_str(), port)).await.unwrap();
            let (client, connection) = config.connect_raw(socket, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        }
        tokio_postgres::config::Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let socket = tokio::net::UnixStream::connect(path).await.unwrap();
            let (client, connection) = config.connect_raw(socket, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        }
    }
}

async fn rows(sql: &tokio_postgres::Client, members: u64) {
    sql.batch_execute(
        "CREATE SCHEMA bench_rows; CREATE TABLE bench_rows.members (base int, ref text, email text, phone text, \
         worker text, fields text, PRIMARY KEY (base, ref)); \
         CREATE UNIQUE INDEX ON bench_rows.members (base, email); \
         CREATE UNIQUE INDEX ON bench_rows.members (base, worker); CREATE INDEX ON bench_rows.members (base, phone)",
    )
    .await
    .unwrap();
    let upsert = "INSERT INTO bench_rows.members SELECT 1, r, r || '@example.com', '+49151' || r, 'w' || r, f \
        FROM unnest($1::text[], $2::text[]) AS g(r, f) ON CONFLICT (base, ref) DO UPDATE SET email = excluded.email, \
        phone = excluded.phone, worker = excluded.worker, fields = excluded.fields";
    let upsert = sql.prepare(upsert).await.unwrap();
    let start = Instant::now();
    for batch in 0..members / MEMBERS_PER_BATCH {
        let mut random = Random(batch + 1);
        let refs: Vec<String> =
            (0..MEMBERS_PER_BATCH).map(|n| format!("ref-{}", batch * MEMBERS_PER_BATCH + n)).collect();
        // As many bytes as a member has in a block.
        let fields: Vec<String> =
            refs.iter().map(|_| String::from_utf8(text(&mut random, 200)).unwrap()).collect();
        sql.execute(&upsert, &[&refs, &fields]).await.unwrap();
    }
    println!("rows: {:.0} members/s", members as f64 / start.elapsed().as_secs_f64());
}

async fn child(dir: &Path, members: u64) {
    let engine = open(dir, "child").await;
    load(&engine, members).await;
    println!("loaded");
    std::future::pending::<()>().await;
}

async fn open(dir: &Path, what: &str) -> SledEngine {
    let mut config = SledConfig::new(dir.join("data"));
    if let Some(cache) = std::env::var("BENCH_CACHE_MB").ok().and_then(|mb| mb.parse::<u64>().ok()) {
        config.cache_bytes = cache * 1024 * 1024;
    }
    let start = Instant::now();
    let opened = tokio::task::spawn_blocking(|| SledEngine::open(config, |line| println!("  {line}")));
    let engine = opened.await.unwrap().unwrap();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    engine
}

async fn load(engine: &dyn Engine, members: u64) {
    let start = Instant::now();
    let cpu = cpu_seconds();
    let batches = members / MEMBERS_PER_BATCH;
    let mut before = None;
    let mut bytes = 0;
    for number in 0..batches {
        let batch = batch(number);
        bytes += batch.bytes() as u64;
        let append = engine.append(batch);
        if let Some(before) = before.replace(append) {
            before.await.unwrap().publish();
        }
        if number % 10 == 9 {
            let buckets = checkpoint(number / 10);
            bytes += buckets.bytes() as u64;
            engine.commit(buckets).await.unwrap();
        }
    }
    before.unwrap().await.unwrap().publish();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "load: {members} members in {seconds:.2} s, {:.0} members/s, {:.0} batches/s, {} MB, {:.1} us CPU/member",
        members as f64 / seconds,
        batches as f64 / seconds,
        bytes / 1_000_000,
        (cpu_seconds() - cpu) * 1e6 / members as f64,
    );
}

fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    let mut random = Random(number + 1);
    for block in number * 63..(number + 1) * 63 {
        batch.put(block_key(block), text(&mut random, 3500));
    }
    batch.put([b"\x05", &number.to_be_bytes()[..]].concat(), text(&mut random, 60_000));
    batch.put(b"\x02header".to_vec(), text(&mut random, 300));
    batch
}

/// Buckets all over the index, as hashes spread them.
fn checkpoint(number: u64) -> Batch {
    let mut batch = Batch::default();
    let mut random = Random(number + 77);
    for _ in 0..BUCKETS_PER_CHECKPOINT {
        let bucket = random.next() % 75_000;
        batch.put([b"\x04", &bucket.to_be_bytes()[..]].concat(), dense(&mut random, 800));
    }
    batch.puts.sort();
    batch.puts.dedup_by(|a, b| a.0 == b.0);
    batch
}

fn block_key(block: u64) -> Vec<u8> {
    [b"\x03", &block.to_be_bytes()[..]].concat()
}

async fn gets(engine: &dyn Engine, members: u64) {
    let blocks = members / MEMBERS_PER_BATCH * 63;
    for (what, spread) in [("gets, 1,000 hot keys", 1000), ("gets, all keys", blocks)] {
        let mut random = Random(5);
        let count = if spread > 1000 { 30_000 } else { 300_000 };
        let start = Instant::now();
        for _ in 0..count {
            let key = block_key(random.next() % spread);
            assert!(engine.get_many(std::slice::from_ref(&key)).await.unwrap()[0].is_some());
        }
        println!("{what}: {:.0}/s", count as f64 / start.elapsed().as_secs_f64());
    }
}

/// Text that compresses about as members do.
fn text(random: &mut Random, len: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "anna",
        "maria",
        "bauer",
        "schmidt",
        "@example.com",
        "+49 151 ",
        "berlin",
        "active",
        "tier-gold",
        "2024-",
        "payroll",
        "GmbH",
        "jan",
        "devries",
        "worker-",
        "ref-",
    ];
    let mut out = Vec::with_capacity(len + 16);
    while out.len() < len {
        let bits = random.next();
        out.extend_from_slice(WORDS[(bits % 16) as usize].as_bytes());
        out.extend_from_slice(format!("{:x}", (bits >> 8) & 0xff_ffff).as_bytes());
    }
    out.truncate(len);
    out
}

fn dense(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len / 8).flat_map(|_| random.next().to_le_bytes()).collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

async fn timed<T>(what: &str, future: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = future.await;
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    done
}

fn per(bytes: u64, members: u64) -> f64 {
    bytes as f64 / members as f64
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find(|l| l.starts_with(name)).unwrap_or_default().replace('\t', " ");
    format!("{}, {}", line("VmRSS"), line("VmHWM"))
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    // User and system time, in hundredths of a second.
    fields.get(11).zip(fields.get(12)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}
