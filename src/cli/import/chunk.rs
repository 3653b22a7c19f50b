//! Some rows of the file, sent and answered together.

use crate::api::grpc::v1;

use super::format::Format;
use super::row_failure::RowFailure;
use super::rows::{Row, Rows};

/// Some rows of the file, on their way to the server and until it has answered.
#[derive(Debug)]
pub struct Chunk {
    pub number: u64,
    pub rows: Rows,
    /// What to send; empty once it was handed to the connection.
    pub members: Vec<v1::MemberInput>,
    /// The rows that cannot be sent, by their place in `rows`.
    pub unsendable: Vec<(usize, RowFailure)>,
    /// The lines of the rows that name a member which an earlier row of the file named.
    pub repeats: Vec<u64>,
    /// Where the chunk ends in the file, in bytes.
    pub end: u64,
}

impl Chunk {
    pub fn new(number: u64, rows: Rows, end: u64, format: &Format) -> Self {
        let mut members = Vec::with_capacity(rows.len());
        let mut unsendable = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            match format.member(row) {
                Ok(member) => members.push(member),
                Err(failure) => unsendable.push((at, failure)),
            }
        }
        Self { number, rows, members, unsendable, repeats: Vec::new(), end }
    }

    /// How many rows are sent, so how many the answer counts.
    pub fn sendable(&self) -> usize {
        self.rows.len() - self.unsendable.len()
    }

    /// The members, handed over to the connection: kept ones the first time, made again from the rows after
    /// that.
    pub fn take_members(&mut self, format: &Format) -> Vec<v1::MemberInput> {
        if self.members.is_empty() {
            return self.rows.iter().filter_map(|row| format.member(row).ok()).collect();
        }
        std::mem::take(&mut self.members)
    }

    /// Whether the row at this place in `rows` is sent.
    pub fn is_sent(&self, at: usize) -> bool {
        self.unsendable.binary_search_by_key(&at, |(unsendable, _)| *unsendable).is_err()
    }

    /// The row that was sent as the `index`th of its message.
    pub fn sent_row(&self, index: usize) -> Option<Row<'_>> {
        let mut at = index;
        for (unsendable, _) in &self.unsendable {
            if *unsendable <= at {
                at += 1;
            }
        }
        self.rows.get(at)
    }
}
