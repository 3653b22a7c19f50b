//! Reading an open base.
//!
//! A [`view::View`] holds the view lock shared, so everything read through it is of one revision, and every
//! acknowledged write is in it. A member that a lookup finds is verified against the key it was looked up by.

pub mod summary;
pub mod view;
