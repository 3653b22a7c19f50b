//! Computes the memory that a message takes once it is decoded, without decoding it: walks its fields by
//! their tags, and counts every entry of a repeated field with the size of its structure.
//!
//! The walk follows the descriptors, so a new field is counted without a change here. Sizes are those of the
//! generated structures, or larger. Malformed bytes end the walk, as they end the decoding.

use std::collections::HashMap;
use std::sync::Arc;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::api::grpc::fields::{content, varint};

/// A string, a list or a map without its content, in bytes.
const HEADER_BYTES: usize = 24;
/// An optional number, in bytes.
const NUMBER_BYTES: usize = 16;
/// The pointer to a message that contains itself, in bytes.
const POINTER_BYTES: usize = 8;
/// How deep messages may be nested; decoding rejects deeper ones.
const DEPTH_MAX: usize = 100;

/// The shapes of all messages.
pub struct Shapes {
    messages: Arc<Vec<Fields>>,
    names: HashMap<String, usize>,
}

/// The shape of one message.
#[derive(Clone)]
pub struct Shape {
    messages: Arc<Vec<Fields>>,
    /// Its index among them.
    index: usize,
    growth: Growth,
}

/// The largest parts of a message, at any depth. They give an upper bound of its memory from its length
/// alone.
#[derive(Clone, Copy)]
struct Growth {
    /// The largest entry of a repeated field, in bytes.
    entry: usize,
    /// Whether it has packed numbers, which have no tags.
    numbers: bool,
    /// The lowest limit of entries among its fields.
    most: usize,
}

/// The fields of a message.
#[derive(Default)]
struct Fields {
    /// By their numbers.
    by_number: Vec<Option<Field>>,
    /// Whether any of them has a limit of entries.
    limited: bool,
}

struct Field {
    /// The memory of an entry without its content, in bytes; 0 for a field that is not repeated.
    entry: usize,
    /// The message that it is.
    message: Option<usize>,
    /// Whether it is a list of numbers, which may be packed without tags.
    numbers: bool,
    /// Its limit of entries.
    most: Option<usize>,
}

/// What a message becomes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// In bytes.
    pub bytes: usize,
    /// How many messages its own lists have, not counting those inside them.
    pub entries: usize,
    /// The entries of a field that has too many, and its limit.
    pub over: Option<(usize, usize)>,
}

impl Shapes {
    /// The shapes of the messages in `files`; `most` has the limits of entries by message and field.
    pub fn of(files: &FileDescriptorSet, most: &[(&str, &str, usize)]) -> Self {
        let mut all = Vec::new();
        for file in &files.file {
            for message in &file.message_type {
                collect(&format!(".{}", file.package()), message, &mut all);
            }
        }
        let names: HashMap<String, usize> =
            all.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect();
        let sizes = Sizes { all: &all, names: &names };
        let fields = |(name, message): &(String, &DescriptorProto)| {
            let field = |field: &FieldDescriptorProto| {
                let limit = most.iter().find(|(in_message, in_field, _)| {
                    name.rsplit('.').next() == Some(*in_message) && field.name() == *in_field
                });
                let is_many = field.label() == Label::Repeated;
                let described = Field {
                    entry: if is_many { sizes.of_value(field, &mut Vec::new()) } else { 0 },
                    message: names
                        .get(field.type_name())
                        .copied()
                        .filter(|_| field.r#type() == Type::Message),
                    numbers: is_many && !matches!(field.r#type(), Type::Message | Type::String | Type::Bytes),
                    most: limit.map(|(_, _, most)| *most),
                };
                (usize::try_from(field.number()).unwrap_or_default(), described)
            };
            let mut fields = Fields::default();
            for (number, described) in message.field.iter().map(field) {
                fields.limited |= described.most.is_some();
                fields.by_number.resize_with(fields.by_number.len().max(number + 1), || None);
                if let Some(place) = fields.by_number.get_mut(number) {
                    *place = Some(described);
                }
            }
            fields
        };
        Self { messages: Arc::new(all.iter().map(fields).collect()), names }
    }

    /// The shape of the message with this full name, which begins with a dot.
    pub fn shape(&self, name: &str) -> Shape {
        let index = self.names.get(name).copied().unwrap_or(usize::MAX);
        let mut growth = Growth { entry: 0, numbers: false, most: usize::MAX };
        self.grow(index, &mut growth, &mut Vec::new());
        Shape { messages: Arc::clone(&self.messages), index, growth }
    }

    /// Adds the message at `index` and those inside it; `seen` are those that were added.
    fn grow(&self, index: usize, growth: &mut Growth, seen: &mut Vec<usize>) {
        let Some(fields) = self.messages.get(index).filter(|_| !seen.contains(&index)) else { return };
        seen.push(index);
        for field in fields.by_number.iter().flatten() {
            growth.entry = growth.entry.max(field.entry);
            growth.numbers |= field.numbers;
            growth.most = growth.most.min(field.most.unwrap_or(usize::MAX));
            if let Some(message) = field.message {
                self.grow(message, growth, seen);
            }
        }
    }
}

fn collect<'a>(prefix: &str, message: &'a DescriptorProto, all: &mut Vec<(String, &'a DescriptorProto)>) {
    let name = format!("{prefix}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, all);
    }
    all.push((name, message));
}

/// The sizes of the structures that messages become.
struct Sizes<'a> {
    all: &'a [(String, &'a DescriptorProto)],
    names: &'a HashMap<String, usize>,
}

impl Sizes<'_> {
    /// The size of the message at `index`; `within` are the messages around it.
    fn of_message(&self, index: usize, within: &mut Vec<usize>) -> usize {
        let Some((_, message)) = self.all.get(index).filter(|_| !within.contains(&index)) else {
            return POINTER_BYTES;
        };
        within.push(index);
        let fields = message.field.iter();
        let size = fields.map(|field| match field.label() {
            Label::Repeated => HEADER_BYTES,
            Label::Optional | Label::Required => self.of_value(field, within),
        });
        let size = size.sum();
        within.pop();
        size
    }

    /// The size of one optional value of a field.
    fn of_value(&self, field: &FieldDescriptorProto, within: &mut Vec<usize>) -> usize {
        match field.r#type() {
            Type::String | Type::Bytes => HEADER_BYTES,
            Type::Message => {
                let index = self.names.get(field.type_name());
                index.map_or(POINTER_BYTES, |index| self.of_message(*index, within)) + POINTER_BYTES
            }
            _ => NUMBER_BYTES,
        }
    }
}

impl Shape {
    /// Whether the message is described.
    #[cfg(test)]
    pub fn is_known(&self) -> bool {
        self.messages.get(self.index).is_some()
    }

    /// The most that `length` bytes become, in bytes; unlimited if they may exceed a limit of entries.
    pub fn at_most(&self, length: usize) -> usize {
        let Growth { entry, numbers, most } = self.growth;
        // An entry has a tag and a length, or a tag and a number.
        let entries = length / 2;
        if entries > most {
            return usize::MAX;
        }
        let untagged = if numbers { length.saturating_mul(NUMBER_BYTES / 2) } else { 0 };
        length.saturating_add(entries.saturating_mul(entry)).saturating_add(untagged)
    }

    /// Computes the memory of the message in `bytes`.
    pub fn weigh(&self, bytes: &[u8]) -> Weight {
        let mut weight = Weight { bytes: bytes.len(), ..Weight::default() };
        // Malformed bytes are weighed up to the fault, which is how far they would be decoded.
        let _ = self.walk(self.index, bytes, 0, &mut weight);
        weight
    }

    fn walk(&self, index: usize, mut bytes: &[u8], depth: usize, weight: &mut Weight) -> Option<()> {
        let fields = self.messages.get(index).filter(|_| depth <= DEPTH_MAX)?;
        let mut counts = if fields.limited { vec![0; fields.by_number.len()] } else { Vec::new() };
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let content = content(tag & 7, &mut bytes)?;
            let number = usize::try_from(tag >> 3).ok()?;
            let Some(Some(field)) = fields.by_number.get(number) else { continue };
            if let (Some(most), Some(count)) = (field.most, counts.get_mut(number)) {
                *count += 1;
                if *count > most {
                    // The rest is counted, but not weighed.
                    weight.over = Some((*count, most));
                    continue;
                }
            }
            weight.bytes = weight.bytes.saturating_add(field.entry);
            if field.numbers {
                // Each byte may be a number of its own.
                weight.bytes = weight.bytes.saturating_add(content.len().saturating_mul(NUMBER_BYTES / 2));
            }
            if let Some(message) = field.message {
                weight.entries += usize::from(depth == 0 && field.entry > 0);
                self.walk(message, content, depth + 1, weight)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
