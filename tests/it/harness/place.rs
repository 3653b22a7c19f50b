//! Where the stores of the tests' servers are: in folders, or all in PostgreSQL with
//! `MEMBERBASE_TEST_SERVERS=postgres`, so that what holds for the one is tested on the other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use memberbase::engine::Engine;
use memberbase::engine::sled::{SledConfig, SledEngine};

use super::database::{Database, database};

const TEST_SERVERS: &str = "MEMBERBASE_TEST_SERVERS";

/// The database that a server uses in place of the folder `data`, always the same; `None` if stores are in
/// folders.
pub fn database_for(data: &Path) -> Option<&'static Database> {
    static STORES: LazyLock<Mutex<HashMap<PathBuf, &'static Database>>> = LazyLock::new(Mutex::default);
    if is_in_folders() {
        return None;
    }
    let made = || {
        let made = database().unwrap_or_else(|| panic!("{TEST_SERVERS} needs a PostgreSQL"));
        &*Box::leak(Box::new(made))
    };
    Some(STORES.lock().unwrap().entry(data.to_owned()).or_insert_with(made))
}

/// Whether stores are in folders, as they are by default. What is about the folder itself is tested only
/// then.
pub fn is_in_folders() -> bool {
    match std::env::var(TEST_SERVERS).as_deref() {
        Ok("postgres") => false,
        Ok(other) => panic!("{TEST_SERVERS} may be postgres, not {other}"),
        Err(_) => true,
    }
}

/// The engine of the store at `data`, which no server uses.
pub async fn engine(data: &Path) -> Arc<dyn Engine> {
    if let Some(database) = database_for(data) {
        return database.engine().await;
    }
    let config = SledConfig::new(data);
    let opened = tokio::task::spawn_blocking(|| SledEngine::open(config, |_| {})).await.unwrap();
    Arc::new(opened.unwrap())
}
