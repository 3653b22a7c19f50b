//! The handle of an open base, and its life.
//!
//! - [`handle::Base::open`] starts the lane, the publisher and the checkpoints of a base; `close` ends them, in this
//!   order, and writes a last checkpoint.
//! - [`life`] opens a base for its first caller and closes it when nobody has used it for a while. A base is never open
//!   twice.

pub mod handle;
pub mod life;
pub mod stored;
