//! The members of a chunk of an import, as they were sent.

use std::ops::Range;

use bytes::Bytes;

use crate::api::grpc::fields::{Field, Sent, next};

/// The number of the field with the members of a chunk.
const MEMBERS: u64 = 3;

/// Members that are not decoded: each is parsed where it lies in its message. The message that they belong to
/// is decoded without them.
#[derive(Debug, PartialEq, Eq)]
pub struct SentMembers {
    message: Bytes,
    places: Vec<Range<usize>>,
    /// The bytes of their fields, with tags and lengths.
    bytes: usize,
}

impl SentMembers {
    /// Sets the members of a chunk aside, of which there are about so many. Returns the other fields of its
    /// message too; `None` for bytes that have to be decoded as a whole.
    pub fn split(message: &Bytes, members: usize) -> Option<(Self, Vec<u8>)> {
        let (mut places, mut others, mut bytes) = (Vec::with_capacity(members), Vec::new(), 0);
        let mut rest: &[u8] = message;
        while !rest.is_empty() {
            let (start, Field { number, sent }) = (message.len() - rest.len(), next(&mut rest)?);
            let end = message.len() - rest.len();
            match sent {
                Sent::Bytes(member) if number == MEMBERS => {
                    places.push(end - member.len()..end);
                    bytes += end - start;
                }
                _ => others.extend_from_slice(message.get(start..end)?),
            }
        }
        Some((Self { message: message.clone(), places, bytes }, others))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The bytes of their message that are theirs.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole message that they belong to.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Their message, and the place of each in it.
    pub fn into_parts(self) -> (Bytes, Vec<Range<usize>>) {
        (self.message, self.places)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::api::grpc::v1;

    #[test]
    fn members_are_set_aside_and_other_fields_stay() {
        let member = |n: u32| v1::MemberInput { r#ref: Some(format!("r{n}")), ..Default::default() };
        let members: Vec<_> = (0..200).map(member).chain([v1::MemberInput::default()]).collect();
        let options = Some(v1::ImportOptions { member_base_id: "b".into(), ..Default::default() });
        let others =
            v1::ImportMembersRequest { options, chunk: 7, expect_removals: Some(3), ..Default::default() };
        let whole = v1::ImportMembersRequest { members: members.clone(), ..others.clone() };
        // The last field once more, so that there is one on both sides of the members.
        let bytes = Bytes::from([whole.encode_to_vec(), vec![0x28, 3]].concat());
        let (sent, rest) = SentMembers::split(&bytes, 0).unwrap();
        assert_eq!(v1::ImportMembersRequest::decode(&rest[..]).unwrap(), others);
        assert_eq!((sent.count(), sent.bytes()), (members.len(), bytes.len() - rest.len()));
        let (message, places) = sent.into_parts();
        let read = places.into_iter().map(|place| v1::MemberInput::decode(&message[place]).unwrap());
        assert_eq!(read.collect::<Vec<_>>(), members);
        assert_eq!(v1::ImportMembersRequest::decode(bytes.clone()).unwrap(), whole);
    }

    #[test]
    fn bytes_that_are_not_a_message_are_left_to_prost() {
        for bytes in [&[0x1a, 2, 0][..], &[0x1a], &[0x1b, 0x1c], &[0x1f]] {
            assert_eq!(SentMembers::split(&Bytes::copy_from_slice(bytes), 1), None, "{bytes:?}");
        }
        // A member that is a number is none.
        let (sent, rest) = SentMembers::split(&Bytes::from_static(&[0x18, 1]), 0).unwrap();
        assert_eq!((sent.count(), rest), (0, vec![0x18, 1]));
    }
}
