//! Values that the engine cannot read.

use super::*;
use crate::engine::EngineError;
use crate::engine::faulty::{Fault, Faulty};
use crate::table::TableError;

#[tokio::test]
async fn values_that_cannot_be_read_are_findings_if_the_engine_can_list_them() {
    let error = |detail: &str| EngineError::Corrupt {
        file: "a table".to_owned(),
        offset: 0,
        detail: detail.to_owned(),
    };
    let store: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let config = AuditConfig { max_findings: 2, ..AuditConfig::new(Timestamp::from_micros(0), i64::MAX) };
    let faulty = Arc::new(Faulty::new(store));
    let engine: Arc<dyn Engine> = Arc::clone(&faulty) as Arc<dyn Engine>;
    faulty.fail_next(Fault::Error(error("the key 1")));
    let failed = audit(&engine, &config, &|_| {}).await.unwrap_err();
    assert!(matches!(failed, TableError::Engine(EngineError::Corrupt { .. })), "{failed}");
    faulty.tell_unreadable(["the key 1", "the key 2", "the key 3"].map(error).to_vec());
    faulty.fail_next(Fault::Error(error("the key 1")));
    let report = audit(&engine, &config, &|_| {}).await.unwrap();
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["the key 1", "the key 2"].map(|key| error(key).to_string()));
}
