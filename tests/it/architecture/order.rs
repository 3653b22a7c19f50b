//! Checks imports against the order of rooms in the tables of `docs/design.md`.
//!
//! A table with the header `| room of `table`, lowest first | … |` lists the rooms of this folder, one in
//! each row. A table with the header `| rooms of the other folders | lowest first |` has a folder in each
//! row, and then its rooms. Names of folders and rooms stand in backticks; the text around them is for
//! readers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::imports::FileArrows;
use super::rooms::{between, room};

/// For each folder, its rooms, lowest first.
pub type Order = BTreeMap<String, Vec<String>>;

/// Reads the tables of a page.
pub fn read(page: &str) -> Order {
    let mut order = Order::new();
    let mut table = None;
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            table = None;
            continue;
        };
        let (first, second) = row.split_once('|').unwrap();
        if first.starts_with(" room of ") || first.starts_with(" rooms of ") {
            table = Some(in_backticks(first));
        } else if let Some(header) = &table {
            let (folder, rooms) = match &header[..] {
                [folder] => (folder.clone(), in_backticks(first)),
                // The line below the header has no name.
                _ => match in_backticks(first).pop() {
                    Some(folder) => (folder, in_backticks(second)),
                    None => continue,
                },
            };
            order.entry(folder).or_default().extend(rooms);
        }
    }
    order
}

fn in_backticks(cell: &str) -> Vec<String> {
    let names = cell.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches('/'));
    names.map(|name| name.strip_suffix(".rs").unwrap_or(name).to_owned()).collect()
}

/// Rooms that the order leaves out, listed rooms that do not exist, and imports of a higher room by a lower
/// one.
pub fn faults(arrows: &FileArrows, order: &Order) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, rooms) in order {
        let standing = standing(arrows, folder);
        let listed: BTreeSet<String> = rooms.iter().cloned().collect();
        faults.extend(
            standing.difference(&listed).map(|room| format!("the order of {folder} leaves out {room}")),
        );
        faults.extend(listed.difference(&standing).map(|room| format!("{folder} has no room {room}")));
        if listed.len() < rooms.len() {
            faults.push(format!("the order of {folder} lists a room twice"));
        }
    }
    for arrow in between(arrows) {
        let Some(rooms) = arrow.folder.to_str().and_then(|folder| order.get(folder)) else { continue };
        let height = |name: &str| rooms.iter().position(|room| room == name);
        // A room without a place was reported above.
        let (Some(from), Some(to)) = (height(&arrow.from), height(&arrow.to)) else { continue };
        if from < to {
            let (file, folder) = (arrow.file.display(), arrow.folder.display());
            let (line, from, to) = (arrow.line, arrow.from, arrow.to);
            faults.push(format!("{file}:{line}: in {folder}, {from} stands below {to} and imports from it"));
        }
    }
    faults
}

/// The rooms of a folder. Its `mod.rs` counts if it uses items of another room, or another room uses its
/// items.
fn standing(arrows: &FileArrows, folder: &str) -> BTreeSet<String> {
    let folder = Path::new(folder);
    let rooms = arrows.keys().filter_map(|file| room(file, folder)).filter(|room| room != "mod");
    let has_own =
        between(arrows).any(|arrow| arrow.folder == folder && (arrow.from == "mod" || arrow.to == "mod"));
    rooms.chain(has_own.then(|| "mod".to_owned())).collect()
}
