//! Rows of the file that are sent together.

use crate::api::grpc::v1;

use super::format::{Format, Row};
use crate::cli::list::RowFailure;
use crate::lists::ListRow;

/// Rows of the file, from reading until the server has replied.
#[derive(Debug)]
pub struct Chunk {
    pub number: u64,
    pub rows: Vec<ListRow>,
    /// The members to send; empty once they were handed to the connection.
    pub members: Vec<v1::MemberInput>,
    /// The rows that cannot be sent, by their index in `rows`.
    pub unsendable: Vec<(usize, RowFailure)>,
    /// The lines of the rows with the same key as an earlier row of the file.
    pub repeats: Vec<u64>,
    /// Where the chunk ends in the file, in bytes.
    pub end: u64,
}

impl Chunk {
    pub fn new(number: u64, rows: Vec<ListRow>, end: u64, format: &Format) -> Self {
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

    /// How many rows are sent, and counted in the reply.
    pub fn sendable(&self) -> usize {
        self.rows.len() - self.unsendable.len()
    }

    /// The members to hand to the connection: the prepared ones the first time, afterwards made again from
    /// the rows.
    pub fn take_members(&mut self, format: &Format) -> Vec<v1::MemberInput> {
        if self.members.is_empty() {
            return self.rows.iter().filter_map(|row| format.member(row).ok()).collect();
        }
        std::mem::take(&mut self.members)
    }

    /// Whether the row at this index in `rows` is sent.
    pub fn is_sent(&self, at: usize) -> bool {
        self.unsendable.binary_search_by_key(&at, |(unsendable, _)| *unsendable).is_err()
    }

    /// The row at this index of the message.
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
