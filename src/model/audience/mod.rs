//! Audiences: named groups of the members of one memberbase, kept by a filter and by hand.
//!
//! - A member is **matched** if the filter is not empty and matches it. A member can be **picked** or
//!   **removed** by hand, never both ([`Hand`]).
//! - A member is in the audience if it is picked, or matched and not removed ([`Hand::is_in`]).
//! - Adding a removed member takes its removal back; a member that the filter does not match is then picked.
//!   Removing a picked member takes the pick back; a member that the filter matches is then removed. So after
//!   an add the member is in, and after a remove it is not, and what is kept by hand is never more than
//!   needed.
//! - Names are unique among the audiences of a memberbase that are not archived ([`Audiences`]). Archiving an
//!   audience frees its name.
//! - A filter may name other audiences, but no archived one, and no audience uses itself, directly or through
//!   others. An audience that others use is not archived.
//! - An audience is **personal** if its filter looks at dates of birth or bank details, itself or through an
//!   audience that it names: who is in it then says something about these fields.
//! - The cost of a filter for one member is limited when it is saved, because every write evaluates it
//!   ([`AudienceFilter`]).
//!
//! Nothing here keeps sets of members: `table` does.

mod catalogue;
mod explain;
mod filter;
mod hand;
mod name;
mod record;
mod rules;
#[cfg(test)]
pub(crate) mod samples;
mod walk;

pub use self::catalogue::Audiences;
pub use self::explain::{Explanation, Seen, SeenCondition};
pub use self::filter::AudienceFilter;
pub use self::hand::Hand;
pub use self::name::AudienceName;
pub use self::record::{Audience, AudienceState};
