//! The plan of a full list: what each of its rows would do, and which members it would remove. And the plan
//! of a batch of actions ([`ActionPlan`]).
//!
//! What this room promises to the others about full lists:
//!
//! - **Nobody whom any readable cell of the list names is removed.** Every row names the members that have
//!   its ref, its e-mail address or its worker id, whatever the row is matched by, and also if it cannot be
//!   applied. While a row may be anybody, removals wait for approval ([`Hold::UnreadableRows`]).
//! - A row that cannot be applied may be anybody if one of its keys cannot be read and the key to match by
//!   finds nobody; or if it has no key to match by and no other key finds anybody. Its id, if it has one,
//!   says who it is.
//! - Only a member that was there when the plan began, and that nobody has written since, can be missing.
//! - The plan writes nothing and takes no turn in the lane. It is made in slices, each on what is published
//!   at that time, and others write meanwhile.
//! - Rows see what earlier rows do: of two rows that have the same key or find the same member the second
//!   fails, and a key that an earlier row frees is free. So applying the rows in order has the same outcomes,
//!   as long as nobody else writes.
//! - Memory does not grow with the list, except for a few bytes a row: the line that names each member, and
//!   the keys of rows that fail, create a member or change one.
//!
//! [`Hold::UnreadableRows`]: crate::model::Hold::UnreadableRows

mod actions;
mod digest;
mod earlier;
mod example;
mod guarded;
mod key_lines;
mod list;
mod missing;
mod named;
mod request;
mod same;
mod scope;
mod so_far;

pub use self::actions::{ActionPlan, ActionsRequest, PlannedAction};
pub use self::example::{Example, ExampleOf, Examples};
pub use self::guarded::{Causes, Judged};
pub use self::list::ListPlan;
pub use self::request::{Begun, ListEnd, ListRequest, ListRow, PlannedRow};
pub use self::same::{Listed, Recogniser, RowReader};
