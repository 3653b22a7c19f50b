//! What the commands about jobs have in common: a plan as a table, the progress of a job, its failed rows,
//! and the exit codes.

mod decide;
mod end;
mod failed;
mod follow;
mod review;
mod show;

pub use self::decide::{Share, time};
pub use self::end::exit_code;
pub use self::failed::write_failed;
pub use self::follow::follow;
pub use self::review::{Review, review, show_end};
pub use self::show::{listed, plan, summary};
