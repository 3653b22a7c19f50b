//! What the reader makes of workbooks: those of other programs in `tests/lists`, and some made here.

mod corpus;
mod made;
mod ods;
mod refused;
mod xls;
mod xlsx;
