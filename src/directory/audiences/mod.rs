//! Audiences of a memberbase: create, read, list, change, archive; add and remove members by hand; preview a
//! filter; explain a membership.
//!
//! **Who is in an audience whose filter looks at personal fields says something about them.** So every reply
//! that depends on the members of such an audience, even on whether an add changed something, needs the right
//! to see them. Names, filters and times need no such right: they are not data of members.
//!
//! All rules about names, filters and dependencies are those of the lane
//! ([`Audiences`](crate::model::Audiences)). What is checked here before only spares the lane work, and
//! checks what the lane does not know: the rights of the caller.

mod explain;
mod hand;
mod manage;
mod preview;
mod shown;

pub use self::explain::ExplainedMember;
pub use self::hand::HandCounts;
pub use self::manage::{AudienceChange, AudienceList, AudiencePage, NewAudience};
pub use self::shown::ShownAudience;
