//! Measures what the metrics of one call cost.
//!
//! Run it with `cargo bench --bench metrics -- [MILLIONS]`.
//!
//! It does what a server counts for a gRPC call, and for the batch that a write becomes, so many million
//! times: on one thread, and on two at once, which share the counters and do nothing else, so that each has
//! to take them from the other: no server is as bad. A call is also made without the layer that counts, and
//! the difference counts. It prints nanoseconds of CPU time for each operation, the median of five rounds.
//! Divide them by the server CPU that such an operation takes (`benches/cpu.py`, `memberbase bench`).
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss, clippy::indexing_slicing)]

use memberbase::server::{CountedCall as Call, Counting};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GET: &str = "/publisher.v1.MemberService/GetMember";
const CREATE: &str = "/publisher.v1.MemberService/CreateMember";
/// Rows of a call that loads members.
const ROWS: u64 = 1_000;
const ROUNDS: usize = 5;

/// Nanoseconds of CPU time that each of so many operations takes, on so many threads at once: the median of
/// some rounds.
fn nanos(times: u64, threads: u64, operation: impl Fn() + Sync) -> f64 {
    let round = || {
        let before = cpu_seconds();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..times).for_each(|_| operation()));
            }
        });
        (cpu_seconds() - before) * 1e9 / (times * threads) as f64
    };
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The CPU time that this process has taken. The ticks of Linux are hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |place: usize| fields.split(' ').nth(place).unwrap().parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) as f64 / 100.0
}

fn main() {
    let millions: u64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let times = millions * 1_000_000;
    let counting = Counting::default();
    let (get, create) = (Call::new(GET), Call::new(CREATE));
    for threads in [1, 2] {
        let call = |call: &Call| {
            let plain = nanos(times, threads, || counting.plain(call));
            nanos(times, threads, || counting.counted(call)) - plain
        };
        let (get, create) = (call(&get), call(&create));
        let single = nanos(times, threads, || counting.batch(1));
        let chunk = nanos(times / 10, threads, || counting.batch(ROWS));
        println!(
            "{threads} threads, ns: a get {get:.0}, a create {:.0} (call {create:.0}, batch {single:.0}), \
             a row of a chunk of {ROWS} {:.1}",
            create + single,
            (create + chunk) / ROWS as f64
        );
    }
}
