//! The operations on members: get and batch get, list, search, export, history, create, update, delete and
//! bulk calls, counts.

mod bulk;
mod count;
mod edit;
mod export;
mod find;
mod history;
mod list;
mod search;
mod undelete;

pub use self::bulk::{PendingUpsert, Upsert};
pub use self::count::{Counted, MemberCount, MemberGroup};
pub use self::edit::EditedMember;
pub use self::export::Export;
pub use self::find::{Batch, KeyResult};
pub use self::history::{AudienceMove, ChangeOrigin, MemberChange, MemberChangePage, MemberChanges};
pub use self::list::{MemberList, MemberPage, PageEnds};
pub use self::search::{Found, Search};
pub use self::undelete::Undelete;
