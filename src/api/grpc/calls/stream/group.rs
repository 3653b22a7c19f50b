//! The rows that are taken together.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::api::grpc::v1;
use crate::directory::{Received, SMALL_REPLY_BYTES};
use crate::model::limits::STREAM_GROUP_MAX_ROWS;

/// The memory of a group with its answers, in bytes: about a thousand usual rows.
pub const GROUP_BYTES: usize = 1280 * 1024;
/// Groups of up to this many bytes are not counted: they take little more than a call about one member.
const LIGHT_BYTES: usize = SMALL_REPLY_BYTES / 4;
/// The memory of the answer to a row, in bytes: its outcome, its number, its id and its message.
const ANSWER_BYTES: usize = 384;
/// The memory of an attribute without its text, in bytes; a map has room to spare.
const ATTRIBUTE_BYTES: usize = 2 * size_of::<(String, Value)>();

/// A row, with the number that its client gave it.
pub struct Row {
    /// The number.
    pub sequence: u64,
    /// The row.
    pub member: v1::MemberInput,
}

/// Rows that are taken together.
#[derive(Default)]
pub struct Group {
    /// The numbers of the rows.
    pub sequences: Vec<u64>,
    /// The rows.
    pub members: Vec<v1::MemberInput>,
    /// The bytes of the rows as they were sent.
    pub sent: usize,
    /// The memory for them, if it is counted.
    pub room: Option<Received>,
    /// The memory that they take, in bytes.
    weight: usize,
}

impl Group {
    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        let Row { sequence, member } = row;
        let bytes = member.encoded_len();
        self.sent += bytes;
        self.weight += size_of::<v1::MemberInput>() + ANSWER_BYTES + bytes;
        self.weight += member.attributes.as_ref().map_or(0, of_attributes);
        self.sequences.push(sequence);
        self.members.push(member);
    }

    /// Whether it may have no more rows.
    pub fn is_full(&self) -> bool {
        self.members.len() >= STREAM_GROUP_MAX_ROWS || self.weight >= GROUP_BYTES
    }

    /// Whether it must have memory before it gets more rows.
    pub fn needs_room(&self) -> bool {
        self.room.is_none() && self.weight > LIGHT_BYTES
    }
}

fn of_attributes(attributes: &Struct) -> usize {
    attributes.fields.values().map(of_value).sum()
}

fn of_value(value: &Value) -> usize {
    let within = match &value.kind {
        Some(Kind::ListValue(list)) => list.values.iter().map(of_value).sum(),
        Some(Kind::StructValue(nested)) => of_attributes(nested),
        Some(Kind::NullValue(_) | Kind::NumberValue(_) | Kind::StringValue(_) | Kind::BoolValue(_))
        | None => 0,
    };
    ATTRIBUTE_BYTES + within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        let member = v1::MemberInput { r#ref: Some(text.to_owned()), ..v1::MemberInput::default() };
        Row { sequence: 7, member }
    }

    fn fill(mut more: impl FnMut() -> Row) -> Group {
        let mut group = Group::default();
        while !group.is_full() {
            group.add(more());
        }
        group
    }

    #[test]
    fn a_group_ends_with_its_rows_or_its_memory() {
        assert_eq!(fill(|| row("a")).members.len(), STREAM_GROUP_MAX_ROWS);
        let long = "x".repeat(4_000);
        let count = fill(|| row(&long)).members.len();
        assert!((200..320).contains(&count), "{count}");
    }

    #[test]
    fn what_a_row_becomes_counts_and_not_what_was_sent() {
        let item = || Value { kind: Some(Kind::StringValue(String::new())) };
        let list = || Value {
            kind: Some(Kind::ListValue(prost_types::ListValue {
                values: (0..100).map(|_| item()).collect(),
            })),
        };
        let wide = || {
            let fields = (0..100).map(|i| (format!("k{i}"), list())).collect();
            let attributes = Some(Struct { fields });
            Row { sequence: 0, member: v1::MemberInput { attributes, ..v1::MemberInput::default() } }
        };
        let group = fill(wide);
        assert!(group.sent * 8 < group.weight && group.members.len() < 3, "{} rows", group.members.len());
    }

    #[test]
    fn a_few_small_rows_need_no_room() {
        let mut group = Group::default();
        for _ in 0..8 {
            group.add(row("a"));
        }
        assert!(!group.needs_room());
        for _ in 0..32 {
            group.add(row("a"));
        }
        assert!(group.needs_room());
    }
}
