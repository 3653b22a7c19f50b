//! The handle of an open base, and its life.
//!
//! - [`handle::Base::open`] starts the lane, the publisher and the checkpoints of a base. `close` ends them
//!   in this order, and writes a last checkpoint.
//! - [`life`] opens a base for its first caller, and closes it after a time without use. A base is never open
//!   twice.
//! - [`log`] has what the commit log of a base tells.

pub mod handle;
pub mod life;
pub mod log;
pub mod status;
pub mod stored;
