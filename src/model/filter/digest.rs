//! Filters as unambiguous bytes: its length precedes every list and text.

use std::hash::Hasher;

use crate::model::filter::{Condition, Field, Filter, Operand, Operator};

impl Filter {
    /// Writes the filter unambiguously, so that equal digests mean equal filters. Cursors are bound to the
    /// digest.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        match self {
            Self::True => hasher.write(&[0]),
            Self::And(parts) => digest_parts(hasher, 1, parts),
            Self::Or(parts) => digest_parts(hasher, 2, parts),
            Self::Search(text) => {
                digest_length(hasher, 4, text.words().len());
                text.words().iter().for_each(|word| digest_text(hasher, 5, word));
            }
            Self::Condition(Condition { field, op }) => {
                hasher.write(&[3]);
                digest_field(hasher, field);
                op.digest(hasher);
            }
        }
    }
}

fn digest_parts(hasher: &mut impl Hasher, tag: u8, parts: &[Filter]) {
    digest_length(hasher, tag, parts.len());
    for part in parts {
        part.digest(hasher);
    }
}

fn digest_field(hasher: &mut impl Hasher, field: &Field) {
    let (tag, key) = match field {
        Field::Id => (0, ""),
        Field::Ref => (1, ""),
        Field::Email => (2, ""),
        Field::FirstName => (3, ""),
        Field::LastName => (4, ""),
        Field::Phone => (5, ""),
        Field::WorkerId => (6, ""),
        Field::Tier => (7, ""),
        Field::Status => (8, ""),
        Field::Dob => (9, ""),
        Field::Gender => (10, ""),
        Field::Role => (11, ""),
        Field::Company => (12, ""),
        Field::EnablePayroll => (13, ""),
        Field::CreatedAt => (14, ""),
        Field::UpdatedAt => (15, ""),
        Field::Attribute(key) => (16, key.as_str()),
        Field::Name => (17, ""),
        Field::AccountDetails => (18, ""),
        Field::Audience => (19, ""),
    };
    digest_text(hasher, tag, key);
}

impl Operator {
    fn digest(&self, hasher: &mut impl Hasher) {
        let (tag, operands) = match self {
            Self::Eq(operand) => (0, std::slice::from_ref(operand)),
            Self::Ne(operand) => (1, std::slice::from_ref(operand)),
            Self::In(operands) => (2, operands.as_slice()),
            Self::NotIn(operands) => (3, operands.as_slice()),
            Self::Gt(operand) => (4, std::slice::from_ref(operand)),
            Self::Gte(operand) => (5, std::slice::from_ref(operand)),
            Self::Lt(operand) => (6, std::slice::from_ref(operand)),
            Self::Lte(operand) => (7, std::slice::from_ref(operand)),
            Self::Exists(wanted) => return hasher.write(&[8, u8::from(*wanted)]),
            Self::Prefix(prefix) => return digest_text(hasher, 9, prefix),
            Self::Regex(pattern) => {
                hasher.write(&[10, u8::from(pattern.case_insensitive)]);
                return digest_text(hasher, 0, &pattern.text);
            }
        };
        digest_length(hasher, tag, operands.len());
        for operand in operands {
            operand.digest(hasher);
        }
    }
}

impl Operand {
    fn digest(&self, hasher: &mut impl Hasher) {
        let (tag, number) = match self {
            Self::Row(row) => (0, row.0),
            Self::Base(base) => (1, u64::from(base.0)),
            Self::Status(status) => (2, u64::from(status.index())),
            Self::Gender(gender) => (3, u64::from(gender.index())),
            Self::Date(date) => (4, u64::from(date.to_number())),
            Self::Instant(at) => (5, at.micros().cast_unsigned()),
            Self::Bool(value) => (6, u64::from(*value)),
            Self::Number(number) => (7, number.to_bits()),
            Self::Text(text) | Self::Moment(text, _) => return digest_text(hasher, 8, text),
            Self::Audience(audience) => (9, u64::from(audience.0)),
        };
        hasher.write(&[tag]);
        hasher.write(&number.to_le_bytes());
    }
}

fn digest_text(hasher: &mut impl Hasher, tag: u8, text: &str) {
    digest_length(hasher, tag, text.len());
    hasher.write(text.as_bytes());
}

/// `usize` has at most 64 bits wherever Rust runs.
fn digest_length(hasher: &mut impl Hasher, tag: u8, length: usize) {
    hasher.write(&[tag]);
    hasher.write(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
}
