//! The bytes of the log: golden, round trip, and every damage found.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::super::pending::Op;
use super::super::log::entry::{self, HEADER_BYTES, Header, Kind};
use super::super::log::payload::{self, Logged, Payload, Write};
use super::*;

fn plain(bytes: &[u8]) -> Payload {
    Payload { stored: bytes.to_vec().into(), plain_len: None }
}

fn encode(seed: u32, kind: Kind, number: u64, durable: u64, payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    entry::encode(&mut out, seed, kind, number, durable, payload);
    out
}

/// An entry as the reader sees it: `None` if it is damaged.
fn decode(seed: u32, bytes: &[u8]) -> Option<(Header, Payload)> {
    let fixed: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().unwrap();
    let header = Header::decode(&fixed)?;
    let rest = bytes.get(HEADER_BYTES..HEADER_BYTES + header.rest_bytes())?;
    let payload = header.payload(seed, &fixed, &rest.to_vec().into())?;
    Some((header, payload))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The fixed part of an entry that is not compressed. Everything that differs between entries is passed in,
/// as the bytes in the file.
fn golden_header(checksum: &str, kind: &str, length: &str, number: &str, durable: &str) -> String {
    let (magic, flags, zero) = ("6d625231", "00", "0000");
    [magic, checksum, kind, flags, zero, length, length, zero, zero, number, durable].concat()
}

#[test]
fn golden_entry() {
    let bytes = encode(0x0102_0304, Kind::Batch, 7, 5, &plain(b"payload"));
    let header = golden_header("7f0755d8", "01", "07000000", "0700000000000000", "0500000000000000");
    let (payload, padding) = ("7061796c6f6164", "0000000000000000000000000000000000");
    assert_eq!(hex(&bytes), [&header, payload, padding].concat());
}

#[test]
fn golden_mark_and_compressed_entry() {
    let mark = encode(9, Kind::Mark, 7, 7, &plain(b""));
    let header = golden_header("427e050b", "02", "00000000", "0700000000000000", "0700000000000000");
    assert_eq!(hex(&mark[..HEADER_BYTES]), header);
    let compressed = Payload { stored: Value::from_static(b"zz"), plain_len: Some(4096) };
    let bytes = encode(9, Kind::Batch, 1, 0, &compressed);
    assert_eq!(hex(&bytes[8..20]), ["01", "01", "0000", "02000000", "00100000"].concat());
    assert_eq!(decode(9, &bytes).unwrap().1, compressed);
}

#[test]
fn golden_segment_header() {
    let header =
        segment::Header { sequence: 3, id: 0x1122_3344_5566_7788, timeline: *b"0123456789abcdef", first: 42 };
    let golden = |version, crc| {
        [
            "6d6257414c736567",
            version,
            crc,
            "0300000000000000",
            "8877665544332211",
            "30313233343536373839616263646566",
            "2a00000000000000",
            "0000000000000000",
        ]
    };
    assert_eq!(hex(&header.encode()), golden("02000000", "0e91e766").concat());
    // Version 1 had no differences.
    let older = bytes_of(&golden("01000000", "01fab88f").concat());
    assert_eq!(segment::Header::decode(&older.try_into().unwrap()), Ok(Some(header)));
}

fn op_of(key: &'static [u8], value: Option<Value>) -> Op {
    Op { key: Value::from_static(key), value, is_known: false }
}

#[test]
fn golden_payload() {
    let ops =
        [op_of(b"ab", Some(Value::from_static(b"xyz"))), op_of(b"c", None), op_of(b"d", Some(Value::new()))];
    let payload = payload::encode(&ops, &[], false).unwrap();
    let expected = ["0200", "6162", "03000000", "78797a", "0100", "63", "ffffffff", "0100", "64", "00000000"];
    assert_eq!(hex(&payload.stored), expected.concat());
    assert_eq!(payload.plain_len, None);
    assert_eq!(payload::decode(&payload).unwrap(), logged(&ops));
}

#[test]
fn golden_payload_with_a_difference() {
    let put = |key: &'static [u8], value: &'static [u8]| op_of(key, Some(Value::from_static(value)));
    let ops = [put(b"ab", b"xyz"), put(b"c", &[1, 0, 0, 1, b'a', 7, 1, b'b']), put(b"d", b"")];
    let difference = Value::from_static(&[2, 7, 1, b'b']);
    let payload = payload::encode(&ops, &[(1, difference.clone())], false).unwrap();
    let expected = [
        ["0200", "6162", "03000000", "78797a"].concat(),
        ["0100", "63", "feffffff", "04000000", "02", "070162"].concat(),
        ["0100", "64", "00000000"].concat(),
    ];
    assert_eq!(hex(&payload.stored), expected.concat());
    let mut writes = logged(&ops);
    writes[1].write = Write::Difference(difference);
    assert_eq!(payload::decode(&payload).unwrap(), writes);
    assert_eq!(payload::encode_logged(&writes, false).unwrap(), payload);
    let stored = Write::Value(Value::from_static(&[1, 0, 0, 1, b'a']));
    assert_eq!(writes[1].write.clone().over(&stored), Some(Write::Value(ops[1].value.clone().unwrap())));
}

#[test]
fn every_flipped_bit_of_an_entry_is_found() {
    let bytes = encode(77, Kind::Batch, 7, 5, &plain(&[0xA5; 100]));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(77, &damaged).is_none(), "bit {bit}");
    }
}

#[test]
fn every_flipped_bit_of_a_segment_header_is_found() {
    let header = segment::Header { sequence: 3, id: 7, timeline: [1; 16], first: 42 };
    let bytes = header.encode();
    assert_eq!(segment::Header::decode(&bytes), Ok(Some(header)));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(segment::Header::decode(&damaged), Ok(Some(header)), "bit {bit}");
        assert!(!matches!(segment::Header::decode(&damaged), Ok(Some(_))), "bit {bit}");
    }
}

#[test]
fn an_entry_of_another_segment_is_not_valid() {
    let bytes = encode(1, Kind::Batch, 7, 5, &plain(b"x"));
    assert!(decode(1, &bytes).is_some());
    assert!(decode(2, &bytes).is_none());
}

#[test]
fn a_payload_that_announces_more_than_the_limit_is_rejected_without_allocating_it() {
    let payload = Payload { stored: Value::from_static(b"x"), plain_len: Some(usize::MAX) };
    assert!(payload::decode(&payload).is_err());
}

/// Writes as the log has them if they are short or compressed.
fn logged(ops: &[Op]) -> Vec<Logged> {
    let write = |value: Option<Value>| value.map_or(Write::Removal, Write::Value);
    let logged = |op: &Op| Logged { key: op.key.clone(), write: write(op.value.clone()), is_packed: false };
    ops.iter().map(logged).collect()
}

/// The same writes, of which nothing is known but what they write.
fn any_packed(writes: Vec<Logged>) -> Vec<Logged> {
    writes.into_iter().map(|write| Logged { is_packed: false, ..write }).collect()
}

fn op() -> impl Strategy<Value = Op> {
    let value = prop_oneof![vec(any::<u8>(), 0..50), vec(Just(7), 0..5000)];
    (vec(any::<u8>(), 1..40), proptest::option::weighted(0.8, value)).prop_map(|(key, value)| Op {
        key: key.into(),
        value: value.map(Into::into),
        is_known: false,
    })
}

proptest! {
    #[test]
    fn payloads_come_back(ops in vec(op(), 0..20), is_packed in any::<bool>()) {
        let payload = payload::encode(&ops, &[], is_packed).unwrap();
        prop_assert!(!is_packed || payload.plain_len.is_none());
        let found = payload::decode(&payload).unwrap();
        let stays_plain = payload.plain_len.is_none() && payload.stored.len() >= 1024;
        prop_assert!(found.iter().all(|write| write.is_packed == stays_plain));
        let again = payload::encode_logged(&found, stays_plain).unwrap();
        prop_assert_eq!(again.plain_len, payload.plain_len);
        prop_assert_eq!(payload::decode(&again).unwrap(), found.clone());
        prop_assert_eq!(any_packed(found), logged(&ops));
    }

    #[test]
    fn cut_payloads_are_errors_or_fewer_writes(ops in vec(op(), 1..5), cut in any::<prop::sample::Index>()) {
        let payload = payload::encode(&ops, &[], false).unwrap();
        let len = cut.index(payload.stored.len());
        let cut = Payload { stored: payload.stored.slice(..len), ..payload };
        if let Ok(found) = payload::decode(&cut) {
            prop_assert!(found.len() < ops.len());
            let (count, found) = (found.len(), any_packed(found));
            prop_assert_eq!(&found[..], &logged(&ops)[..count]);
        }
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in vec(any::<u8>(), 0..300), plain_len in proptest::option::of(0..5000_usize)) {
        let _ = payload::decode(&Payload { stored: bytes.clone().into(), plain_len });
        let _ = decode(0, &bytes);
    }

    #[test]
    fn entries_survive_a_round_trip_and_every_truncation_is_found(
        seed in any::<u32>(), number in any::<u64>(), durable in any::<u64>(), bytes in vec(any::<u8>(), 0..200),
    ) {
        let payload = plain(&bytes);
        let out = encode(seed, Kind::Batch, number, durable, &payload);
        prop_assert_eq!(out.len() % entry::ALIGN, 0);
        let (header, found) = decode(seed, &out).unwrap();
        prop_assert_eq!((header.kind, header.number, header.durable), (Kind::Batch, number, durable));
        prop_assert_eq!(found, payload);
        for len in 0..out.len() {
            prop_assert!(decode(seed, &out[..len]).is_none());
        }
    }
}
