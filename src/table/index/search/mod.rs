//! Search sets: for each token of words, the rows whose members have such a word.
//!
//! - **The stored sets and the moves that they lack are the sets.** The stored ones are in the engine, as the
//!   last checkpoint wrote them. What commits changed since is in memory, as moves ([`Delta`]).
//! - **Moves are idempotent and in order**: applied to stored sets that have some of them already, they lead
//!   to the same sets. So a checkpoint may write its moves in any number of batches.
//! - **A search does not look at all moves.** They are kept in pieces, and searches order the pieces by
//!   tokens, some pieces each ([`Delta`]). Commits only append, and checkpoints read the moves as they were
//!   added.
//! - **Moves follow from the member before and after a change**, so commits do not have them. At open they
//!   come from what the commits after the watermark have as before, and from the members as they are.
//! - A store that an older version wrote has no search sets, or those of another
//!   [`SEARCH_VERSION`](crate::model::search::SEARCH_VERSION). They are built from the members when the base
//!   opens, one chunk after another.
//!
//! A set may not be given up, whatever members have: their number is bounded by that of the tokens.

mod build;
mod by_group;
mod delta;
mod moves;
mod ordered;
mod place;
mod rows;

pub use self::build::build;
pub use self::by_group::{ChunkMoves, apply};
pub use self::delta::Delta;
pub use self::moves::{RowMoves, WordMoves};
pub use self::place::{join_token, split_row};
pub use self::rows::{WordRows, read};
