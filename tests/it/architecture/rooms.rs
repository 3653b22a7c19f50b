//! Files as rooms of layers.
//!
//! A room is what stands directly in a folder: another folder, or a file. A module's file beside its folder (`x.rs`
//! beside `x/`) is of the folder's room; the `mod.rs` of the folder itself is a room of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::rings::Arrows;

/// The arrows between files of one layer.
pub fn within_layers(arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Arrows<String> {
    let mut within: Arrows<String> = Arrows::new();
    for (from, to) in pairs(arrows).filter(|(from, to)| room(from, Path::new("")) == room(to, Path::new("")))
    {
        within.entry(from.display().to_string()).or_default().insert(to.display().to_string());
    }
    within
}

/// For each folder, the arrows between its rooms.
pub fn by_folder(arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> BTreeMap<String, Arrows<String>> {
    let mut folders: BTreeMap<String, Arrows<String>> = BTreeMap::new();
    for (from, to) in pairs(arrows) {
        // The deepest folder that has both is the one in which they are of different rooms.
        let folder = from.ancestors().skip(1).find(|folder| to.starts_with(folder)).unwrap();
        let (Some(here), Some(there)) = (room(from, folder), room(to, folder)) else { continue };
        if here != there && folder != Path::new("") {
            let rooms = folders.entry(folder.display().to_string()).or_default();
            rooms.entry(here).or_default().insert(there);
        }
    }
    folders
}

/// The room of a folder that a file is in.
fn room(file: &Path, folder: &Path) -> Option<String> {
    let Component::Normal(first) = file.strip_prefix(folder).ok()?.components().next()? else { return None };
    let first = first.to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first).to_owned())
}

fn pairs(arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> impl Iterator<Item = (&PathBuf, &PathBuf)> {
    arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)))
}
