//! The running import: streams of chunks and replies, one after another, and the rows that are tried again at
//! the end.

mod ask;
mod calls;
mod late;
mod overtaken;
mod resume;
mod retry;
mod state;
mod stream;

pub use self::late::Late;
pub use self::overtaken::Overtaken;
pub use self::resume::{Patience, Unanswered};
pub use self::retry::{Ended, settle};
pub use self::state::{Input, Session};
