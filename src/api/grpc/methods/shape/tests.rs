use prost::Message;

use super::*;
use crate::api::grpc::v1;

fn shape(name: &str, most: &[(&str, &str, usize)]) -> Shape {
    let files = FileDescriptorSet::decode(v1::DESCRIPTORS).unwrap();
    Shapes::of(&files, most).shape(&format!(".publisher.v1.{name}"))
}

/// What an empty entry counts as, without its bytes.
fn entry(name: &str, number: u8) -> usize {
    shape(name, &[]).weigh(&[number << 3 | 2, 0]).bytes - 2
}

#[test]
fn an_entry_counts_as_the_structure_that_it_becomes() {
    let cases = [
        (entry("BulkUpsertMembersRequest", 2), size_of::<v1::MemberInput>()),
        (entry("ImportMembersRequest", 3), size_of::<v1::MemberInput>()),
        (entry("BatchGetMembersRequest", 2), size_of::<v1::MemberKey>()),
        (entry("ListMembersRequest", 3), size_of::<v1::Filter>()),
        (entry("SetMemberAttributesRequest", 2), size_of::<v1::MemberAttribute>()),
        (entry("IngestTransactionsRequest", 1), size_of::<v1::TransactionEvent>()),
    ];
    for (at, (counted, real)) in cases.into_iter().enumerate() {
        assert!(counted >= real && counted <= 3 * real, "{at}: {counted} for {real}");
    }
}

#[test]
fn every_level_counts_and_so_do_entries_behind_unknown_fields() {
    let fields = (0..3).map(|i| (format!("k{i}"), prost_types::Value::default())).collect();
    let attributes = Some(prost_types::Struct { fields });
    let row = v1::MemberInput { r#ref: Some("a".into()), attributes, ..Default::default() };
    let request = v1::BulkUpsertMembersRequest { members: vec![row; 5], ..Default::default() };
    let bytes = request.encode_to_vec();
    let shape = shape("BulkUpsertMembersRequest", &[]);
    let weight = shape.weigh(&bytes).bytes;
    let rows = 5 * entry("BulkUpsertMembersRequest", 2);
    let keys = 15 * (HEADER_BYTES + size_of::<prost_types::Value>());
    assert!(weight >= bytes.len() + rows + keys, "{weight}");
    assert_eq!(shape.weigh(&bytes).entries, 5, "those that stand deeper are not counted");
    // A group, a number, four and eight bytes, all of unknown fields.
    let unknown =
        [&[0x8b, 0x7d, 0x8c, 0x7d, 0x80, 0x7d, 0x01, 0x85, 0x7d][..], &[0; 4], &[0x81, 0x7d], &[0; 8]];
    let unknown = unknown.concat();
    assert_eq!(shape.weigh(&[&unknown[..], &bytes].concat()).bytes, weight + unknown.len());
}

#[test]
fn entries_over_the_limit_are_counted_and_weigh_nothing() {
    let shape = shape("ImportMembersRequest", &[("ImportMembersRequest", "members", 10)]);
    let rows = |count| [0x1a, 0].repeat(count);
    assert_eq!(shape.weigh(&rows(10)).over, None);
    let over = shape.weigh(&rows(1_000));
    assert_eq!(over.over, Some((1_000, 10)));
    assert_eq!(over.bytes - 2_000, shape.weigh(&rows(10)).bytes - 20);
}

#[test]
fn nothing_becomes_more_than_its_length_allows() {
    let get = shape("GetMemberRequest", &[]);
    assert_eq!(get.at_most(5_000), 5_000, "it has no lists");
    let most = [("ImportMembersRequest", "members", 10)];
    let import = shape("ImportMembersRequest", &most);
    assert_eq!(import.at_most(22), usize::MAX, "eleven rows are one too many");
    // Rows with nothing in them, and rows with attributes, are the most that few bytes become.
    for (row, rows) in [(&[0x1a, 0][..], 10), (&[0x1a, 4, 0x7a, 2, 0x0a, 0], 3)] {
        let bytes = row.repeat(rows);
        let weight = import.weigh(&bytes);
        assert!(weight.over.is_none() && weight.bytes <= import.at_most(bytes.len()), "{weight:?}");
    }
    assert!(shape("BulkUpsertMembersRequest", &[]).at_most(4_096) > 500_000);
}

#[test]
fn bytes_that_are_not_a_message_end_the_walk() {
    let shape = shape("BulkUpsertMembersRequest", &[]);
    for bytes in [&[0x12][..], &[0x12, 5, 1], &[0xff; 20], &[0x16, 0], &[0x11, 1]] {
        assert_eq!(shape.weigh(bytes).bytes - bytes.len(), 0, "{bytes:?}");
    }
    let mut deep = vec![];
    for _ in 0..10_000 {
        let length = (deep.len() as u64).to_le_bytes();
        let mut outer = vec![0x2a];
        prost::encoding::encode_varint(u64::from_le_bytes(length), &mut outer);
        deep = [outer, deep].concat();
    }
    shape.weigh(&deep);
}
