//! Reads the sources, and fails when an import breaks the table of layers.
//!
//! ```text
//! cli ──► server ──► api ──► directory ──► table ──► stored ──► model
//!                                          │└──────► engine (trait)
//!        cli, api and directory read lists └► lists ──► model
//! ```
//!
//! It also fails when code outside `tasks` starts a task or a thread, because `tasks` watches those that the
//! store cannot live without, and when code outside `compute` hands work to other threads, because `compute`
//! limits how much of it runs at a time.
//!
//! It also fails on a ring of files inside a layer, on a ring between the rooms of a folder (its files and
//! folders), and prints the ring. And it fails on an import of a higher room by a lower one, in the order
//! that the tables of `docs/design.md` list. There is no list of exceptions.
//!
//! Tests within the sources are exempt: they may import whatever they need.

mod imports;
mod order;
mod rings;
mod rooms;

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and the layers that it may use. `server` alone knows all.
const LAYERS: [(&str, &[&str]); 13] = [
    ("tasks", &[]),
    ("metrics", &[]),
    ("trace", &[]),
    ("compute", &[]),
    ("model", &[]),
    ("engine", &[]),
    // This layer writes keys, so it uses the engine's types for keys, and nothing else of the engine.
    ("stored", &["model", "engine::Key", "engine::KeyRange"]),
    ("table", &["stored", "engine", "model"]),
    ("directory", &["table", "lists", "model"]),
    ("api", &["directory", "lists", "model"]),
    // An address is checked where the other settings are, so that all faults are reported together.
    ("config", &["model", "engine::postgres::Dsn", "engine::postgres::DsnError"]),
    ("lists", &["model"]),
    ("cli", &["server", "lists", "config", "api::grpc::v1", "model"]),
];

/// What any layer may use.
const EVERYWHERE: [&str; 4] = ["tasks", "compute", "metrics", "trace"];

/// Code that starts a task or a thread, or hands work to one, and the places besides `tasks` that may contain
/// it.
const BEGINNINGS: [(&str, &[&str]); 7] = [
    ("tokio::spawn", &[]),
    ("thread::spawn", &[]),
    ("thread::Builder", &[]),
    ("task::spawn(", &[]),
    // The calls and readers of a measurement, in task sets that are awaited to the end; and a process.
    (".spawn(", &["cli/bench"]),
    // `compute` limits how much computing runs at a time; the others read and write files.
    (
        "spawn_blocking(",
        &[
            "compute.rs",
            "server/backup.rs",
            "server/admin/page.rs",
            "server/front/health.rs",
            "server/backing.rs",
            "server/copy.rs",
            "engine/sled/running/engine.rs",
            "directory/backup.rs",
            "directory/state.rs",
        ],
    ),
    ("block_in_place(", &["compute.rs"]),
];

/// Crates and modules of this crate that only some places may name.
const NAMES: [(&str, &[&str]); 16] = [
    ("sled::", &["engine"]),
    ("tonic::", &["api", "server", "cli"]),
    ("axum::", &["api", "server"]),
    ("StatusCode", &["api"]),
    ("clap::", &["cli", "main.rs"]),
    ("calamine::", &["lists"]),
    ("quick_xml::", &["lists"]),
    ("encoding_rs::", &["lists"]),
    ("chardetng::", &["lists"]),
    ("zip::", &["lists"]),
    ("prometheus_client::", &["metrics", "server"]),
    ("roaring::", &["table", "stored"]),
    ("crate::engine::sled", &["engine", "server", "fuzz.rs"]),
    ("crate::engine::postgres", &["engine", "server", "config"]),
    ("tokio_postgres::", &["engine/postgres"]),
    ("crate::engine::memory", &["engine", "server"]),
];

/// A source file: its path under `src`, and its code without comments and tests.
struct Source {
    path: PathBuf,
    code: String,
}

impl Source {
    /// The layer that it belongs to: the first part of its path, without `.rs`.
    fn layer(&self) -> &str {
        let first = self.path.components().next().unwrap().as_os_str().to_str().unwrap();
        if self.path.components().count() == 1 { first.strip_suffix(".rs").unwrap_or(first) } else { first }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name == "tests" || name == "tests.rs" || name.starts_with("conformance") {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let code = code(&fs::read_to_string(&path).unwrap());
                sources.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), code });
            }
        }
    }
    sources
}

/// The text without comments and tests. Tests stand at the end of a file or in a separate file, and each
/// comment has a line of its own.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every path that follows `crate::` in the code, one for each element of a group.
fn uses(code: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap();
                uses.extend(
                    group.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()),
                );
            }
            None => {
                let path: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
                match rest[path.len()..].strip_prefix('{') {
                    // Groups are not nested in this crate.
                    Some(group) => {
                        let parts = group.split('}').next().unwrap().split(',').map(str::trim);
                        uses.extend(
                            parts.filter(|part| !part.is_empty()).map(|part| format!("{path}{part}")),
                        );
                    }
                    None => uses.push(path),
                }
            }
        }
    }
    uses
}

fn is_within(used: &str, allowed: &str) -> bool {
    used == allowed || used.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

/// Whether the code contains this name other than as the end of a longer one.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
    })
}

#[test]
fn imports_follow_the_layers() {
    let sources = sources();
    let mut seen = 0;
    let mut breaches = Vec::new();
    for source in &sources {
        let Some((layer, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == source.layer()) else {
            continue;
        };
        seen += 1;
        for used in uses(&source.code) {
            let is_layer =
                LAYERS.iter().any(|(layer, _)| is_within(&used, layer)) || is_within(&used, "server");
            let allowed = allowed.iter().chain(&EVERYWHERE).chain([layer]);
            let is_allowed = allowed.into_iter().any(|allowed| is_within(&used, allowed));
            if is_layer && !is_allowed {
                breaches.push(format!("{} uses crate::{used}", source.path.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} sources were found");
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn restricted_names_appear_only_where_allowed() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (name, places) in NAMES {
            let is_allowed =
                places.iter().any(|place| source.path.starts_with(place) || source.layer() == *place);
            if !is_allowed && names(&source.code, name) {
                breaches.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn tasks_and_threads_start_in_one_place() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| source.layer() != "tasks") {
        for (beginning, places) in BEGINNINGS {
            let is_allowed = places.iter().any(|place| source.path.starts_with(place));
            if !is_allowed && source.code.contains(beginning) {
                breaches.push(format!("{} has {beginning}", source.path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// The tasks and threads that the store cannot live without, and the files that start them.
#[test]
fn vital_tasks_and_threads_are_watched() {
    const VITAL: [(&str, &str); 20] = [
        ("table/base/life.rs", "tasks::vital(\"base\""),
        ("table/base/handle.rs", "tasks::vital(\"lane\""),
        ("table/base/handle.rs", "tasks::vital(\"publisher\""),
        ("table/base/handle.rs", "tasks::vital(\"checkpoint\""),
        ("table/idempotency/tidy.rs", "tasks::vital(\"stored results\""),
        ("server/store.rs", "tasks::vital(\"housekeeping\""),
        ("server/run.rs", "tasks::vital(\"accept\""),
        ("server/run.rs", "tasks::vital(\"health\""),
        ("server/run.rs", "tasks::vital(\"forward\""),
        ("server/admin/serve.rs", "tasks::vital(\"admin\""),
        ("server/run.rs", "tasks::vital(\"certificates\""),
        ("server/log.rs", "tasks::vital_thread(\"log\""),
        ("engine/sled/running/threads.rs", "spawn(\"wal-syncer\""),
        ("engine/sled/running/threads.rs", "spawn(\"sled-applier\""),
        ("engine/sled/running/threads.rs", "spawn(\"sled-confirmer\""),
        ("engine/sled/running/threads.rs", "spawn(\"snapshots\""),
        ("engine/postgres/running/engine.rs", "tasks::vital(\"store-reader\""),
        ("engine/postgres/running/engine.rs", "tasks::vital(\"store-beat\""),
        ("engine/postgres/running/engine.rs", "tasks::vital(\"store-numbering\""),
        ("engine/postgres/running/engine.rs", "tasks::vital(\"store-writer\""),
    ];
    let sources = sources();
    for (path, begins) in VITAL {
        let source = sources.iter().find(|source| source.path == Path::new(path)).unwrap();
        assert!(source.code.contains(begins), "{path} has no {begins}");
    }
}

#[test]
fn the_checks_themselves_see_a_breach() {
    let code = code(
        "use crate::{table, model::Row};\n// crate::cli\nlet x = crate::api::grpc::v1::Member;\n#[cfg(test)]\nmod tests { use crate::server; }",
    );
    assert_eq!(uses(&code), ["table", "model::Row", "api::grpc::v1::Member"]);
    assert_eq!(uses(&self::code("#[cfg(test)]\nmod tests;\nuse crate::cli;")), ["cli"]);
    assert_eq!(uses("use crate::engine::{Key, sled};"), ["engine::Key", "engine::sled"]);
    assert!(names("use sled::Db;", "sled::") && !names("use crate::engine::sled::X;", "sled::"));
    assert!(
        is_within("api::grpc::v1::Member", "api::grpc::v1") && !is_within("api::grpc::v1x", "api::grpc::v1")
    );
}

/// The rings of files in the crate at `root`, and those of rooms, as text.
fn rings_in(root: &Path) -> Vec<String> {
    let arrows = imports::Imports::read(root).arrows();
    let files = rings::rings(&rooms::within_layers(&arrows)).into_iter().map(|ring| rings::drawn(&ring));
    let folders = rooms::by_folder(&arrows);
    let between = folders.iter().flat_map(|(folder, arrows)| {
        rings::rings(arrows).into_iter().map(move |ring| format!("in {folder}: {}", rings::drawn(&ring)))
    });
    files.chain(between).collect()
}

#[test]
fn no_layer_has_a_ring_of_files_or_rooms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let arrows = imports::Imports::read(&root).arrows();
    assert!(arrows.len() > 300, "only {} files were read", arrows.len());
    let arrow = |from: &str, to: &str| arrows[Path::new(from)].contains_key(Path::new(to));
    assert!(arrow("table/write/lane.rs", "table/plan/batch.rs"), "imports are not followed");
    let rings = rings_in(&root);
    assert!(rings.is_empty(), "{}", rings.join("\n"));
}

#[test]
fn imports_run_down_from_room_to_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let order = order::read(&fs::read_to_string(root.join("docs/design.md")).unwrap());
    for folder in [
        "metrics",
        "trace",
        "model",
        "engine",
        "stored",
        "table",
        "directory",
        "config",
        "lists",
        "api",
        "server",
        "cli",
    ] {
        assert!(order.contains_key(folder), "docs/design.md has no order of the rooms of {folder}");
    }
    let faults = order::faults(&imports::Imports::read(&root.join("src")).arrows(), &order);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Writes a file of a planted crate.
fn plant(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_planted_ring_is_found_and_drawn() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| plant(root.path(), path, text);
    write("lib.rs", "mod layer;");
    write("layer/mod.rs", "mod low; mod high; pub use low::Low;");
    write("layer/low/mod.rs", "mod a; mod b; pub use a::Low;");
    write("layer/low/a.rs", "use super::b::B; pub struct Low(B);");
    write("layer/low/b.rs", "pub struct B; #[cfg(test)] mod tests { use super::super::a::Low; }");
    write("layer/high.rs", "use crate::layer::Low; pub struct High(Low);");
    assert_eq!(rings_in(root.path()), Vec::<String>::new());
    // Two files import from each other: one through a re-export, one in an expression.
    write("layer/low/b.rs", "pub struct B; fn b() { let _ = crate::layer::Low::new(); }");
    let files = "layer/low/a.rs → layer/low/b.rs → layer/low/a.rs";
    assert_eq!(rings_in(root.path()), [files, "in layer/low: a → b → a"]);
    // Two rooms form a ring, although no files do.
    write("layer/low/a.rs", "pub struct Low;");
    write("layer/low/b.rs", "pub struct B; fn b() { vec![crate::layer::high::other()]; }");
    write("layer/high.rs", "use crate::layer::low::a::Low; pub struct High(Low); pub fn other() {}");
    assert_eq!(rings_in(root.path()), ["in layer: high → low → high"]);
}

#[test]
fn a_planted_import_of_a_higher_room_is_found() {
    const PAGE: &str = "| room of `layer`, lowest first | purpose |\n|---|---|\n| `low/` | `not` this |\n\n\
        | rooms of the other folders | lowest first |\n|---|---|\n| `layer/low` | `a` (first), `b.rs` |\n";
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| plant(root.path(), path, text);
    let faults =
        |page: &str| order::faults(&imports::Imports::read(root.path()).arrows(), &order::read(page));
    write("lib.rs", "mod layer;");
    write("layer/mod.rs", "mod low;\nmod high;");
    write("layer/low/mod.rs", "mod a;\nmod b;");
    write("layer/low/a.rs", "pub struct A;");
    write("layer/low/b.rs", "use super::a::A;\npub struct B(A);");
    write("layer/high.rs", "use super::low::a::A;\npub struct High(A);");
    // A room that is not listed, and one that does not exist.
    assert_eq!(faults(PAGE), ["the order of layer leaves out high"]);
    let page = PAGE.replace("this |\n", "this |\n| `high` | |\n");
    assert_eq!(faults(&page), Vec::<String>::new());
    assert_eq!(faults(&page.replace("`b.rs`", "`b.rs`, `c`")), ["layer/low has no room c"]);
    // The lower room imports from the higher one, through a re-export; there is no ring.
    write("layer/mod.rs", "mod low;\nmod high;\npub use high::High;");
    write("layer/high.rs", "pub struct High;");
    write("layer/low/b.rs", "use super::a::A;\npub struct B(A);\n\nfn b() { vec![crate::layer::High]; }");
    assert_eq!(rings_in(root.path()), Vec::<String>::new());
    assert_eq!(faults(&page), ["layer/low/b.rs:4: in layer, low stands below high and imports from it"]);
    let page = page.replace("`a` (first), `b.rs`", "`b.rs`, `a`");
    assert_eq!(faults(&page)[1..], ["layer/low/b.rs:1: in layer/low, b stands below a and imports from it"]);
    // A `mod.rs` that defines items is a room, which the order must list.
    write("layer/mod.rs", "mod low;\nmod high;\npub struct Top;");
    write("layer/low/b.rs", "use crate::layer::Top;\npub struct B(Top);");
    assert_eq!(faults(&page), ["the order of layer leaves out mod"]);
}
