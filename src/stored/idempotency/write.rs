//! Writes the first part of a stored result.

use super::form::{RequestResult, StoredResult};
use super::rows::{encode_rows, outcome_byte};
use super::version::version_of;
use crate::model::RecordCounts;
use crate::stored::bytes::Writer;

impl StoredResult {
    /// The stored form of the first part.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(48));
        w.u8(version_of(self.width));
        w.u128(self.fingerprint);
        w.varint(u64::try_from(self.at.micros()).unwrap_or_default());
        w.varint(self.revision.map_or(0, |revision| revision + 1));
        match &self.result {
            RequestResult::Rows { rows, is_complete } => {
                w.u8(if *is_complete { 1 } else { 2 });
                w.varint(u64::from(self.parts));
                w.0.extend(encode_rows(rows));
            }
            RequestResult::Member(row, outcome) => {
                w.u8(3);
                w.varint(row.0);
                w.u8(outcome_byte(*outcome));
            }
            RequestResult::Deleted { members, records, revisions } => {
                w.u8(13);
                write_deleted(&mut w, *members, records, revisions);
            }
            RequestResult::Deleting { done, members, records, revisions } => {
                w.u8(14);
                w.varint(*done);
                write_deleted(&mut w, *members, records, revisions);
            }
            RequestResult::Changed(values) => {
                w.u8(5);
                w.varint(*values);
            }
            RequestResult::Changing { done, values } => {
                w.u8(12);
                [done, values].into_iter().for_each(|count| w.varint(*count));
            }
            RequestResult::Record { row, kind, id, is_new } => {
                w.u8(6);
                w.varint(row.0);
                w.u8(kind.index());
                w.u128(*id);
                w.u8(u8::from(*is_new));
            }
            RequestResult::Ingested { created, updated, unchanged } => {
                w.u8(7);
                [created, updated, unchanged].into_iter().for_each(|count| w.varint(*count));
            }
            RequestResult::Done => w.u8(8),
            RequestResult::Base(number) => {
                w.u8(9);
                w.varint(u64::from(number.0));
            }
            RequestResult::Token(id) => {
                w.u8(10);
                w.u128(id.0);
            }
            RequestResult::Job(number) => {
                w.u8(15);
                w.varint(number.0);
            }
            RequestResult::Audience(number) => {
                w.u8(16);
                w.varint(u64::from(number.0));
            }
        }
        w.0
    }
}

fn write_deleted(w: &mut Writer, members: u64, records: &RecordCounts, revisions: &[u64]) {
    let counts = [records.clips, records.stamp_collections, records.transactions];
    [members].into_iter().chain(counts).for_each(|count| w.varint(count));
    let before = std::iter::once(0).chain(revisions.iter().copied());
    revisions.iter().zip(before).for_each(|(revision, before)| w.varint(revision.saturating_sub(before)));
}
