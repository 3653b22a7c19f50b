//! What a token's rights restrict besides the calls themselves (see `every_call`).

mod backup;
mod made;
mod streams;
