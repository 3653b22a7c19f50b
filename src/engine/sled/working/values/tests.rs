//! The bytes of value files: golden, round trip, and every damage found. And what is emptied.

use std::fs;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::position::Position;
use super::tally::Tally;
use super::*;
use crate::engine::sled::faults::Faults;
use crate::stored::documented::assert_documented;

const ID: u64 = 0x1122_3344_5566_7788;
const GOLDEN: Pointer = Pointer { file: 3, offset: 64, length: 15, checksum: 0x38b1_429c };

fn seed() -> u32 {
    crc32c::crc32c(&ID.to_le_bytes())
}

fn encode(seed: u32, key: &[u8], value: &[u8]) -> (Vec<u8>, u32) {
    let mut out = Vec::new();
    let encoded = entry::encode(&mut out, seed, key, value).unwrap();
    assert_eq!(encoded.bytes as usize, out.len());
    (out, encoded.checksum)
}

#[test]
fn golden_bytes() {
    assert_documented(&GOLDEN.encode());
    let tally = Tally::from([(3, 15)]);
    assert_documented(&Position { timeline: *b"0123456789abcdef", last: 7, tally }.encode());
    assert_documented(&file::header(3, ID));
    let (entry, checksum) = encode(seed(), b"ab", b"xyz");
    assert_documented(&entry);
    assert_eq!(checksum, GOLDEN.checksum);
}

#[test]
fn a_position_without_value_files_is_that_of_an_older_store() {
    let older = [b"0123456789abcdef".as_slice(), &7_u64.to_le_bytes()].concat();
    let position = Position { timeline: *b"0123456789abcdef", last: 7, tally: Tally::new() };
    assert_eq!(Position::decode(&older), Some(position));
    assert_eq!(Position::decode(&[older.as_slice(), &[0; 11]].concat()), None);
}

#[test]
fn every_flipped_bit_of_an_entry_is_found() {
    let (entry, checksum) = encode(seed(), b"key", &[0xA5; 200]);
    assert_eq!(entry::value(seed(), entry.clone(), b"key", checksum).unwrap(), [0xA5; 200].as_slice());
    for bit in 0..entry.len() * 8 {
        let mut damaged = entry.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(entry::value(seed(), damaged, b"key", checksum), None, "bit {bit}");
    }
}

#[test]
fn an_entry_of_another_key_or_file_or_pointer_is_not_believed() {
    let (entry, checksum) = encode(seed(), b"key", b"value");
    assert_eq!(entry::value(seed(), entry.clone(), b"kez", checksum), None);
    assert_eq!(entry::value(seed() ^ 1, entry.clone(), b"key", checksum), None);
    assert_eq!(entry::value(seed(), entry, b"key", checksum ^ 1), None);
}

#[test]
fn a_value_that_looks_like_a_pointer_is_large() {
    assert!(is_large(&GOLDEN.encode()));
    assert!(!is_large(&GOLDEN.encode()[..23]) && !is_large(&[0; 24]));
    assert!(!is_large(&[7; INLINE_BYTES]) && is_large(&[7; INLINE_BYTES + 1]));
}

proptest! {
    #[test]
    fn entries_and_pointers_come_back(
        seed in any::<u32>(), key in vec(any::<u8>(), 1..40), value in vec(any::<u8>(), 0..2000),
        (file, offset, length) in any::<(u32, u32, u32)>(),
    ) {
        let (entry, checksum) = encode(seed, &key, &value);
        let head = Head::decode(&entry).unwrap();
        prop_assert_eq!(head.entry_bytes(), entry.len());
        prop_assert_eq!((head.key(&entry), head.value(&entry)), (Some(&key[..]), Some(&value[..])));
        prop_assert_eq!(entry::value(seed, entry, &key, checksum).unwrap(), value);
        let pointer = Pointer { file, offset, length, checksum };
        prop_assert_eq!(Pointer::decode(&pointer.encode()), Some(pointer));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in vec(any::<u8>(), 0..100)) {
        let _ = Pointer::decode(&bytes);
        let _ = Position::decode(&bytes);
        if let Some(head) = Head::decode(&bytes) {
            let _ = (head.key(&bytes), head.value(&bytes));
        }
        prop_assert_eq!(entry::value(0, bytes, b"key", 0), None);
    }
}

/// A file of `bytes` bytes of which `living` live.
fn sized(folder: &std::path::Path, number: u32, bytes: usize, living: u64) -> Arc<ValueFile> {
    let file = ValueFile::create(folder, number, Faults::default()).unwrap();
    file.append(&vec![0; bytes - 64]).unwrap();
    file.set_living(living);
    Arc::new(file)
}

fn chosen(files: &[Arc<ValueFile>]) -> Option<u32> {
    let total = files.iter().map(|file| file.bytes()).sum();
    let is_merging = choose::is_merging(files, total, false);
    choose::next_to_empty(files, total, is_merging).map(|file| file.number())
}

#[test]
fn the_file_in_which_least_lives_is_emptied_once_half_of_it_is_dead() {
    let temp = tempfile::tempdir().unwrap();
    let file = |number, living| sized(temp.path(), number, 4096, living);
    assert_eq!(chosen(&[file(1, 2049), file(2, 4000)]), None);
    assert_eq!(chosen(&[file(3, 2049), file(4, 2048)]), Some(4));
    assert_eq!(chosen(&[file(5, 2000), file(6, 0), file(7, 10)]), Some(6));
}

#[test]
fn all_small_files_are_merged_once_there_are_many() {
    let temp = tempfile::tempdir().unwrap();
    let small: Vec<_> = (1..=9).map(|number| sized(temp.path(), number, 512, 500)).collect();
    assert_eq!(chosen(&small[..8]), None);
    assert!(chosen(&small).is_some());
    assert!(choose::is_merging(&small[..1], 512, true) && !choose::is_merging(&[], 0, true));
    let larger: Vec<_> = (11..=19).map(|number| sized(temp.path(), number, 513, 500)).collect();
    assert_eq!(chosen(&larger), None);
}

#[test]
fn a_file_is_full_at_a_part_of_all_within_limits() {
    assert_eq!(choose::full_bytes(0), 4096);
    assert_eq!(choose::full_bytes(16 * 5000), 5000);
    assert_eq!(choose::full_bytes(u64::MAX), 1 << 30);
}

#[test]
fn files_that_a_tally_does_not_have_are_opened_and_those_that_are_missing_are_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("values");
    let open = |tally: &Tally| Values::open(folder.clone(), tally, Faults::default());
    let values = open(&Tally::new()).unwrap();
    values.create().unwrap();
    drop(values);
    fs::write(folder.join("0000000007.values"), [1; 30]).unwrap();
    let values = open(&Tally::from([(1, 9)])).unwrap();
    assert_eq!(values.get(1).unwrap().living(), 9);
    assert!(values.get(7).is_none() && !folder.join("0000000007.values").exists());
    assert_eq!(values.create().unwrap().number(), 8, "the number of a damaged file is not used again");
    drop(values);
    assert_eq!(open(&Tally::new()).unwrap().get(1).unwrap().living(), 0);
    assert!(open(&Tally::from([(2, 0)])).is_err());
    let newer = folder.join("0000000009.values");
    let mut header = file::header(9, 1);
    header[8] = 2;
    fs::write(newer, header).unwrap();
    assert!(format!("{:?}", open(&Tally::new()).unwrap_err()).contains("NewerFormat"));
}

#[test]
fn what_is_no_value_file_stays_and_takes_neither_a_place_nor_a_number() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("values");
    let open = |tally: &Tally| Values::open(folder.clone(), tally, Faults::default());
    let values = open(&Tally::new()).unwrap();
    values.create().unwrap();
    drop(values);
    let strays =
        ["4294967295.values", "1.values", "+000000002.values", "00000000003.values", "x.values", "note"];
    for name in strays {
        // A copy of a value file, which could be taken for another one.
        fs::copy(folder.join("0000000001.values"), folder.join(name)).unwrap();
    }
    fs::create_dir(folder.join("0000000003.values")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("0000000004.values"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let values = open(&Tally::from([(1, 9)])).unwrap();
    let found: Vec<(u32, u64)> = values.all().iter().map(|file| (file.number(), file.living())).collect();
    assert_eq!(found, [(1, 9)]);
    assert_eq!(values.create().unwrap().number(), 5, "no name that is taken is used");
    assert!(
        strays.iter().all(|name| folder.join(name).is_file()) && folder.join("0000000003.values").is_dir()
    );
    drop(values);
    assert!(open(&Tally::from([(3, 0)])).is_err(), "a folder is not the file that sled points to");
    fs::write(folder.join("4294967294.values"), "").unwrap();
    assert!(format!("{:?}", open(&Tally::new()).unwrap_err()).contains("no number is left"));
}

#[test]
fn after_a_failed_sync_none_succeeds() {
    let temp = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let values = Values::open(temp.path().join("values"), &Tally::new(), faults.clone()).unwrap();
    values.create().unwrap();
    values.sync().unwrap();
    values.create().unwrap();
    faults.fail_value_sync(true);
    values.sync().unwrap_err();
    faults.fail_value_sync(false);
    values.sync().unwrap_err();
}

#[test]
fn files_of_an_earlier_process_are_synced_once() {
    let temp = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let open = || Values::open(temp.path().join("values"), &Tally::new(), faults.clone()).unwrap();
    // That process was killed, or let go of its files, before it synced them.
    drop(open().create().unwrap());
    faults.fail_value_sync(true);
    open().sync().unwrap_err();
    faults.fail_value_sync(false);
    let values = open();
    values.sync().unwrap();
    faults.fail_value_sync(true);
    values.sync().unwrap();
}
