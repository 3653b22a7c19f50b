//! What a token's rights keep from its holder, besides the calls themselves (see `every_call`).

mod backup;
mod made;
mod streams;
