//! Runs the fuzz targets over a bounded corpus: their seeds, and random changes of them, the same in every
//! run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use memberbase::fuzz::TARGETS;

use crate::kill::writer::Random;

/// The number of changed inputs for each target.
const ROUNDS: u64 = 4_000;
/// The most changes made to one input.
const MOST_CHANGES: u64 = 4;
/// The longest input, in bytes; longer ones are cut.
const LONGEST: usize = 8 * 1024;
/// Address space for all targets, including the program and its threads, in KiB. An input that announces a
/// length of gigabytes must not make a target allocate them.
const ADDRESS_SPACE_KIB: u64 = 1 << 20;
/// Bytes that are likely to break the handling of lengths and counts.
const NUMBERS: [&[u8]; 7] = [
    &[0xff; 8],
    &[0xff; 4],
    &[0x7f; 4],
    &[0, 0, 0, 0x80],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0; 4],
    &[0x80; 10],
];

#[test]
fn no_input_makes_a_target_panic() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        let mut random = Random(1);
        seeds.iter().for_each(|seed| target(seed));
        for _ in 0..ROUNDS {
            let mut input = pick(&seeds, &mut random).clone();
            for _ in 0..=random.next() % MOST_CHANGES {
                change(&mut input, &seeds, &mut random);
            }
            input.truncate(LONGEST);
            target(&input);
        }
    }
}

#[test]
fn no_input_makes_a_target_exceed_its_memory() {
    let limited = format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\"");
    let done = Command::new("sh")
        .args(["-c", &limited])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fuzz::no_input_makes_a_target_panic", "--test-threads=1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The inputs in the repository for a target.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // File systems list a folder in different orders.
    paths.sort();
    assert!(!paths.is_empty(), "{name} has no seeds");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn pick<'a, T>(from: &'a [T], random: &mut Random) -> &'a T {
    &from[below(from.len(), random)]
}

/// A number below `end`, or 0.
fn below(end: usize, random: &mut Random) -> usize {
    usize::try_from(random.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = below(input.len() + 1, random);
    let end = at + below(input.len() - at + 1, random).min(64);
    match random.next() % 7 {
        0 if at < input.len() => input[at] ^= 1 << (random.next() % 8),
        1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        2 => drop(input.drain(at..end)),
        3 => {
            let again = input[at..end].to_vec();
            input.splice(at..at, again);
        }
        4 => {
            let number = NUMBERS[below(NUMBERS.len(), random)];
            let end = (at + number.len()).min(input.len());
            input.splice(at..end, number.iter().copied());
        }
        5 => {
            let other = pick(seeds, random);
            let from = below(other.len() + 1, random);
            input.splice(at.., other[from..].iter().copied());
        }
        _ => input.truncate(at),
    }
}
