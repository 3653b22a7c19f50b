//! The records of a member (clips, stamp collections, transactions), their counts, places and purge marks.
//!
//! The kind of a record is in its key. A byte of flags, in the order of the fields, says which optional
//! fields are present; these follow it.

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use crate::model::record::{
    Bin, Clip, ClipDetails, ClipId, Currency, JsonObject, Network, StampCollection, StampCollectionId,
    Transaction,
};
use crate::model::{ForeignText, MemberRecord, RecordCounts, RecordKind, Row, Timestamp};

const RECORD: &str = "record of a member";
const COUNTS: &str = "counts of a member's records";
const PLACE: &str = "place of a member's record";
const PURGE: &str = "mark of records to purge";
const VERSION: u8 = 1;
/// Version 1 of the mark had only the counts.
const BEGUN_VERSION: u8 = 2;
/// In marks of this version all records are still there.
const PURGE_VERSION: u8 = 3;

/// The mark of a deleted member that had records, which keeps it from coming back without them. It outlives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// How many records it had; none once they are purged.
    pub counts: RecordCounts,
    /// When the member was deleted, and by which commit; `None` in marks of version 1.
    pub deleted: Option<(Timestamp, u64)>,
    /// Whether the records can still come back with their member. Ignored in marks of version 1.
    pub kept: Kept,
}

/// Whether the records of a deleted member can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// No: their purge may have begun. Versions 1 and 2 of the mark.
    Not,
    /// Yes.
    Whole,
    /// They are all there, but the external id of one of them now belongs to the member at this row.
    NameTaken(Row),
}

impl Purge {
    /// The mark after the purge of the records.
    #[must_use]
    pub fn done(self) -> Self {
        Self { counts: RecordCounts::default(), kept: Kept::Not, ..self }
    }

    /// Whether the records are purged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self == self.done()
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = encode_counts(&self.counts);
        let Some((at, revision)) = self.deleted else { return bytes };
        let (version, taken) = match self.kept {
            Kept::Not => (BEGUN_VERSION, None),
            Kept::Whole => (PURGE_VERSION, Some(0)),
            Kept::NameTaken(Row(row)) => (PURGE_VERSION, Some(row.saturating_add(1))),
        };
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        let mut w = Writer(bytes);
        w.time(at);
        w.varint(revision);
        if let Some(taken) = taken {
            w.varint(taken);
        }
        w.0
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(PURGE, versioned(PURGE, PURGE_VERSION, bytes)?);
        let counts = read_counts(&mut r)?;
        let version = bytes.first().copied().unwrap_or_default();
        if version < BEGUN_VERSION {
            return Ok(Self { counts, deleted: None, kept: Kept::Not });
        }
        let deleted = Some((r.time()?, r.varint()?));
        let kept = match version {
            BEGUN_VERSION => Kept::Not,
            _ => r.varint()?.checked_sub(1).map_or(Kept::Whole, |row| Kept::NameTaken(Row(row))),
        };
        r.end()?;
        Ok(Self { counts, deleted, kept })
    }
}

/// The stored form of a record.
#[must_use]
pub fn encode(record: &MemberRecord) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(160));
    w.u8(VERSION);
    match record {
        MemberRecord::Clip(clip) => write_clip(&mut w, clip),
        MemberRecord::StampCollection(stamps) => write_stamps(&mut w, stamps),
        MemberRecord::Transaction(transaction) => write_transaction(&mut w, transaction),
    }
    w.0
}

/// Reads the stored form of a record of this kind.
pub fn decode(kind: RecordKind, bytes: &[u8]) -> Result<MemberRecord, DecodeError> {
    let mut r = Reader::new(RECORD, versioned(RECORD, VERSION, bytes)?);
    let record = match kind {
        RecordKind::Clip => MemberRecord::Clip(Box::new(read_clip(&mut r)?)),
        RecordKind::StampCollection => MemberRecord::StampCollection(Box::new(read_stamps(&mut r)?)),
        RecordKind::Transaction => MemberRecord::Transaction(Box::new(read_transaction(&mut r)?)),
    };
    r.end()?;
    Ok(record)
}

/// The stored form of counts.
#[must_use]
pub fn encode_counts(counts: &RecordCounts) -> Vec<u8> {
    let mut w = Writer::default();
    w.u8(VERSION);
    [counts.clips, counts.stamp_collections, counts.transactions]
        .into_iter()
        .for_each(|count| w.varint(count));
    w.0
}

/// Reads the stored form of counts.
pub fn decode_counts(bytes: &[u8]) -> Result<RecordCounts, DecodeError> {
    read_counts(&mut Reader::new(COUNTS, versioned(COUNTS, VERSION, bytes)?))
}

fn read_counts(r: &mut Reader<'_>) -> Result<RecordCounts, DecodeError> {
    Ok(RecordCounts { clips: r.varint()?, stamp_collections: r.varint()?, transactions: r.varint()? })
}

/// The stored form of the place that a name leads to.
#[must_use]
pub fn encode_place(row: Row, sequence: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.u8(VERSION);
    w.varint(row.0);
    w.varint(sequence);
    w.0
}

/// Reads the place that a name leads to.
pub fn decode_place(bytes: &[u8]) -> Result<(Row, u64), DecodeError> {
    let mut r = Reader::new(PLACE, versioned(PLACE, VERSION, bytes)?);
    Ok((Row(r.varint()?), r.varint()?))
}

fn write_clip(w: &mut Writer, clip: &Clip) {
    let ClipDetails { deal_id, variant_id, format, content, redeemed_at } = &clip.details;
    w.u128(clip.id.0);
    text(w, &clip.creative_id);
    flags(
        w,
        [deal_id.is_some(), variant_id.is_some(), format.is_some(), content.is_some(), redeemed_at.is_some()],
    );
    [deal_id, variant_id, format].into_iter().flatten().for_each(|value| text(w, value));
    content.iter().for_each(|content| w.slice(content.as_str().as_bytes()));
    times(w, redeemed_at.iter().chain([&clip.created_at, &clip.updated_at]));
}

fn read_clip(r: &mut Reader<'_>) -> Result<Clip, DecodeError> {
    let (id, creative_id) = (ClipId(r.u128()?), read_text(r)?);
    let has = read_flags::<5>(r)?;
    let [deal, variant, format, content, redeemed] = has;
    let details = ClipDetails {
        deal_id: optional(deal, || read_text(r))?,
        variant_id: optional(variant, || read_text(r))?,
        format: optional(format, || read_text(r))?,
        content: optional(content, || Ok(JsonObject::from_stored(r.text()?.to_owned())))?,
        redeemed_at: optional(redeemed, || r.time())?,
    };
    Ok(Clip { id, creative_id, details, created_at: r.time()?, updated_at: r.time()? })
}

fn write_stamps(w: &mut Writer, stamps: &StampCollection) {
    w.u128(stamps.id.0);
    text(w, &stamps.loyalty_program_id);
    text(w, &stamps.external_id);
    w.varint(stamps.stamps);
    times(w, [&stamps.created_at, &stamps.updated_at]);
}

fn read_stamps(r: &mut Reader<'_>) -> Result<StampCollection, DecodeError> {
    Ok(StampCollection {
        id: StampCollectionId(r.u128()?),
        loyalty_program_id: read_text(r)?,
        external_id: read_text(r)?,
        stamps: r.varint()?,
        created_at: r.time()?,
        updated_at: r.time()?,
    })
}

fn write_transaction(w: &mut Writer, transaction: &Transaction) {
    let t = transaction;
    [&t.external_id, &t.auth_code, &t.merchant_id].into_iter().for_each(|value| text(w, value));
    w.u8(t.network.index());
    w.slice(t.bin.as_str().as_bytes());
    flags(
        w,
        [
            t.statement_descriptor.is_some(),
            t.amount.is_some(),
            t.currency.is_some(),
            t.cleared_at.is_some(),
            t.reverted_at.is_some(),
        ],
    );
    t.statement_descriptor.iter().for_each(|value| text(w, value));
    t.amount.iter().for_each(|amount| w.u64(amount.cast_unsigned()));
    t.currency.iter().for_each(|currency| w.slice(currency.as_str().as_bytes()));
    let later = t.cleared_at.iter().chain(&t.reverted_at);
    times(w, later.chain([&t.authed_at, &t.created_at, &t.updated_at]));
}

fn read_transaction(r: &mut Reader<'_>) -> Result<Transaction, DecodeError> {
    let (external_id, auth_code, merchant_id) = (read_text(r)?, read_text(r)?, read_text(r)?);
    let network = Network::from_index(r.u8()?).ok_or_else(|| r.damaged("its network is unknown"))?;
    let bin = Bin::from_stored(r.text()?.to_owned());
    let [descriptor, amount, currency, cleared, reverted] = read_flags::<5>(r)?;
    Ok(Transaction {
        external_id,
        auth_code,
        network,
        bin,
        merchant_id,
        statement_descriptor: optional(descriptor, || read_text(r))?,
        amount: optional(amount, || Ok(r.u64()?.cast_signed()))?,
        currency: optional(currency, || Ok(Currency::from_stored(r.text()?.to_owned())))?,
        cleared_at: optional(cleared, || r.time())?,
        reverted_at: optional(reverted, || r.time())?,
        authed_at: r.time()?,
        created_at: r.time()?,
        updated_at: r.time()?,
    })
}

fn text(w: &mut Writer, text: &ForeignText) {
    w.slice(text.as_str().as_bytes());
}

fn read_text(r: &mut Reader<'_>) -> Result<ForeignText, DecodeError> {
    Ok(ForeignText::from_stored(r.text()?.to_owned()))
}

fn flags<const N: usize>(w: &mut Writer, flags: [bool; N]) {
    w.u8(flags.into_iter().rev().fold(0, |byte, flag| byte << 1 | u8::from(flag)));
}

fn read_flags<const N: usize>(r: &mut Reader<'_>) -> Result<[bool; N], DecodeError> {
    let mut byte = r.u8()?;
    Ok([(); N].map(|()| {
        let flag = byte & 1 == 1;
        byte >>= 1;
        flag
    }))
}

fn optional<T>(
    is_there: bool,
    read: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if is_there { read().map(Some) } else { Ok(None) }
}

fn times<'a>(w: &mut Writer, times: impl IntoIterator<Item = &'a Timestamp>) {
    times.into_iter().for_each(|time| w.time(*time));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::record::samples::{any_record, clip, stamps, transaction};
    use crate::stored::documented::assert_documented;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn time(micros: u8) -> String {
        format!("{micros:02x}00000000000000")
    }

    #[test]
    fn records_have_their_golden_bytes() {
        let id = |id: u8| format!("{id:02x}{}", "00".repeat(15));
        let expected = [
            "01",
            &id(3),
            "0464635f31",
            "1f",
            "066465616c5f31",
            "057661725f31",
            "0662616e6e6572",
            "077b2261223a317d",
            &[time(4), time(5), time(6)].concat(),
        ];
        let of_clip = encode(&MemberRecord::Clip(clip().into()));
        assert_eq!(hex(&of_clip), expected.concat());
        let expected =
            ["01", &id(2), "046c705f31", "0873635f6578745f31", "ac02", &[time(7), time(8)].concat()];
        let of_stamps = encode(&MemberRecord::StampCollection(stamps().into()));
        assert_eq!(hex(&of_stamps), expected.concat());
        let expected = [
            "01",
            "0474785f31",
            "024131",
            "056d65725f31",
            "02",
            "06343131313131",
            "1f",
            "0453484f50",
            "edfaffffffffffff",
            "03455552",
            &[time(10), time(11), time(9), time(12), time(13)].concat(),
        ];
        let of_transaction = encode(&MemberRecord::Transaction(transaction().into()));
        assert_eq!(hex(&of_transaction), expected.concat());
        let counts = RecordCounts { clips: 1, stamp_collections: 2, transactions: 300 };
        assert_eq!(hex(&encode_counts(&counts)), "010102ac02");
        assert_eq!(hex(&encode_place(Row(5), 300)), "0105ac02");
        let purge = |kept| Purge { counts, deleted: Some((Timestamp::from_micros(5), 7)), kept }.encode();
        let purges = [purge(Kept::Not), purge(Kept::Whole), purge(Kept::NameTaken(Row(9)))];
        let [begun, whole, taken] = &purges;
        assert_eq!(hex(begun), "020102ac02050000000000000007");
        assert_eq!(hex(whole), "030102ac0205000000000000000700");
        assert_eq!(hex(taken), "030102ac020500000000000000070a");
        let done = Purge::decode(begun).unwrap().done().encode();
        assert_eq!(hex(&done), "02000000050000000000000007");
        purges.iter().chain([&done]).for_each(|bytes| assert_documented(bytes));
        let others = [encode_counts(&counts), encode_place(Row(5), 300)];
        [of_clip, of_stamps, of_transaction].iter().chain(&others).for_each(|bytes| assert_documented(bytes));
    }

    proptest! {
        #[test]
        fn a_record_comes_back_and_every_truncation_is_refused(record in any_record()) {
            let bytes = encode(&record);
            prop_assert_eq!(decode(record.kind(), &bytes), Ok(record.clone()));
            for length in 0..bytes.len() {
                prop_assert!(decode(record.kind(), &bytes[..length]).is_err());
            }
            prop_assert!(decode(record.kind(), &[bytes, vec![0]].concat()).is_err());
        }

        #[test]
        fn counts_and_places_come_back(clips: u64, stamp_collections: u64, transactions: u64, row: u64) {
            let counts = RecordCounts { clips, stamp_collections, transactions };
            let bytes = encode_counts(&counts);
            prop_assert_eq!(decode_counts(&bytes), Ok(counts));
            prop_assert!(decode_counts(&bytes[..bytes.len() - 1]).is_err());
            let bytes = encode_place(Row(row), clips);
            prop_assert_eq!(decode_place(&bytes), Ok((Row(row), clips)));
            prop_assert!(decode_place(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn marks_of_all_versions_come_back(clips: u64, micros: i64, revision: u64, row in 0..u64::MAX) {
            let counts = RecordCounts { clips, stamp_collections: 1, transactions: 2 };
            let deleted = Some((Timestamp::from_micros(micros), revision));
            let marks = [
                (None, Kept::Not),
                (deleted, Kept::Not),
                (deleted, Kept::Whole),
                (deleted, Kept::NameTaken(Row(row))),
            ];
            for (deleted, kept) in marks {
                let purge = Purge { counts, deleted, kept };
                let bytes = purge.encode();
                prop_assert_eq!(Purge::decode(&bytes), Ok(purge));
                prop_assert!(!purge.is_done() && purge.done().is_done());
                for length in 0..bytes.len() {
                    prop_assert!(Purge::decode(&bytes[..length]).is_err());
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Purge::decode(&bytes);
            for kind in RecordKind::ALL {
                let _ = decode(kind, &[vec![VERSION], bytes.clone()].concat());
            }
        }
    }
}
