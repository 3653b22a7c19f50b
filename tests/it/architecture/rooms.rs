//! Groups files into the rooms of a folder.
//!
//! A room is a file or a folder that stands directly in the folder. A module's file beside its folder (`x.rs`
//! beside `x/`) belongs to the same room; the folder's `mod.rs` is a separate room.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::imports::FileArrows;
use super::rings::Arrows;

/// An arrow from one room of a folder to another, with the file and line of the import.
pub struct Between<'a> {
    pub folder: &'a Path,
    pub from: String,
    pub to: String,
    pub file: &'a Path,
    pub line: usize,
}

/// The arrows between files of one layer.
pub fn within_layers(arrows: &FileArrows) -> Arrows<String> {
    let mut within: Arrows<String> = Arrows::new();
    for (from, to, _) in
        pairs(arrows).filter(|(from, to, _)| room(from, Path::new("")) == room(to, Path::new("")))
    {
        within.entry(from.display().to_string()).or_default().insert(to.display().to_string());
    }
    within
}

/// For each folder, the arrows between its rooms.
pub fn by_folder(arrows: &FileArrows) -> BTreeMap<String, Arrows<String>> {
    let mut folders: BTreeMap<String, Arrows<String>> = BTreeMap::new();
    for arrow in between(arrows) {
        let rooms = folders.entry(arrow.folder.display().to_string()).or_default();
        rooms.entry(arrow.from).or_default().insert(arrow.to);
    }
    folders
}

/// Every arrow between two rooms of a folder. Layers are not rooms here: `LAYERS` orders them.
pub fn between(arrows: &FileArrows) -> impl Iterator<Item = Between<'_>> {
    pairs(arrows).filter_map(|(file, target, line)| {
        // The two files are in different rooms of the deepest folder that contains both.
        let folder = file.ancestors().skip(1).find(|folder| target.starts_with(folder))?;
        let (from, to) = (room(file, folder)?, room(target, folder)?);
        (from != to && folder != Path::new("")).then_some(Between { folder, from, to, file, line })
    })
}

/// The room of a folder that a file is in.
pub fn room(file: &Path, folder: &Path) -> Option<String> {
    let Component::Normal(first) = file.strip_prefix(folder).ok()?.components().next()? else { return None };
    let first = first.to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first).to_owned())
}

fn pairs(arrows: &FileArrows) -> impl Iterator<Item = (&Path, &Path, usize)> {
    arrows.iter().flat_map(|(from, to)| to.iter().map(move |(to, line)| (&**from, &**to, *line)))
}
