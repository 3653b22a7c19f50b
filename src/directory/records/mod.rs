//! The operations on records, which are attached to members: clips, stamp collections and transactions.

mod changes;
mod export;
mod ingest;
mod input;

pub use self::changes::{RecordList, RecordPage, RecordSelector, Saved, draw_record_id};
pub use self::export::{ExportedRecord, RecordExport};
pub use self::ingest::Ingested;
pub use self::input::{ClipInput, SentTime, StampCollectionInput, TransactionInput};
