//! The parts of a workbook that lead to its sheets and tables.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Seek};

use super::super::limits::SHEETS;
use super::super::package::Package;
use super::super::refusal::Refusal;
use super::super::xml;
use super::names::area;

/// A sheet, as the workbook lists it.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    pub name: String,
    pub path: String,
    pub is_visible: bool,
    /// Not a chart or a dialog.
    pub is_worksheet: bool,
}

pub(super) struct Workbook {
    /// The folder of the workbook's part, with a slash at its end.
    pub folder: String,
    /// In the order of the tabs.
    pub sheets: Vec<Sheet>,
}

/// A relationship: its target and the last word of its type.
struct Relationship {
    target: String,
    kind: String,
}

pub(super) fn workbook<R: Read + Seek>(package: &mut Package<R>) -> Result<Workbook, Refusal> {
    let package_relationships = relationships(package, "_rels/.rels")?;
    let mut documents = package_relationships.values().filter(|to| to.kind == "officeDocument");
    let (Some(document), None) = (documents.next(), documents.next()) else {
        return Err(Refusal::broken("_rels/.rels", "it does not name one workbook"));
    };
    let path = document.target.trim_start_matches('/').to_owned();
    if path.to_ascii_lowercase().ends_with(".bin") {
        return Err(Refusal::Kind { kind: "an .xlsb workbook" });
    }
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let relationships = relationships(package, &format!("{folder}_rels/{name}.rels"))?;
    let Some(part) = package.part(&path)? else {
        return Err(Refusal::broken(path, "the part is missing"));
    };
    let mut sheets: Vec<Sheet> = Vec::new();
    let (mut names, mut paths) = (HashSet::new(), HashSet::new());
    xml::for_each_element(part, |element| {
        if element.local_name().as_ref() != "sheet" {
            return Ok(());
        }
        let name = xml::attribute(element, "name")?.ok_or("a sheet has no name")?;
        let id = xml::attribute(element, "id")?.ok_or("a sheet has no part")?;
        let state = xml::attribute(element, "state")?;
        let to = relationships.get(&id).ok_or_else(|| format!("sheet \"{name}\" has no part"))?;
        let path = match to.target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("{folder}{}", to.target),
        };
        if !names.insert(name.clone()) {
            return Err(format!("two sheets are called \"{name}\""));
        }
        // Otherwise a small file could take hours.
        if !paths.insert(path.to_ascii_lowercase()) {
            return Err(format!("two sheets stand in {path}"));
        }
        if sheets.len() == SHEETS {
            return Err(format!("it lists more than {SHEETS} sheets"));
        }
        let is_visible = matches!(state.as_deref(), None | Some("visible"));
        sheets.push(Sheet { name, path, is_visible, is_worksheet: to.kind == "worksheet" });
        Ok(())
    })
    .map_err(|reason| Refusal::broken(path, reason))?;
    Ok(Workbook { folder, sheets })
}

/// The rows of a sheet that are totals of its tables.
pub(super) fn total_rows<R: Read + Seek>(
    package: &mut Package<R>,
    sheet: &Sheet,
) -> Result<BTreeSet<u32>, Refusal> {
    let (folder, name) = sheet.path.rsplit_once('/').unwrap_or(("", &sheet.path));
    let to = relationships(package, &format!("{folder}/_rels/{name}.rels"))?;
    let mut rows = BTreeSet::new();
    let tables = to.values().filter(|to| to.kind == "table");
    let paths: BTreeSet<String> = tables.map(|to| resolve(folder, &to.target).to_ascii_lowercase()).collect();
    for path in paths {
        let Some(part) = package.part(&path)? else {
            return Err(Refusal::broken(path, "the part is missing"));
        };
        xml::for_each_element(part, |element| {
            if element.local_name().as_ref() != "table" {
                return Ok(());
            }
            let count = xml::attribute(element, "totalsRowCount")?;
            let count: u32 = count.map_or(Ok(0), |count| count.parse()).map_err(|_| "a faulty count")?;
            let range = xml::attribute(element, "ref")?.ok_or("a table without a range")?;
            let range = area(&range)?;
            match count {
                0 => {}
                1 => drop(rows.insert(range.last.row)),
                _ => return Err(format!("a table with {count} total rows")),
            }
            Ok(())
        })
        .map_err(|reason| Refusal::broken(path, reason))?;
    }
    Ok(rows)
}

/// The path of a target that stands in a folder.
fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The relationships in a part, by their ids. A part that does not exist has none.
fn relationships<R: Read + Seek>(
    package: &mut Package<R>,
    path: &str,
) -> Result<HashMap<String, Relationship>, Refusal> {
    let mut found = HashMap::new();
    let Some(part) = package.part(path)? else { return Ok(found) };
    xml::for_each_element(part, |element| {
        if element.local_name().as_ref() == "Relationship" {
            let id = xml::attribute(element, "Id")?.ok_or("a relationship without an id")?;
            let kind = xml::attribute(element, "Type")?.unwrap_or_default();
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            let target = xml::attribute(element, "Target")?.unwrap_or_default();
            if found.insert(id, Relationship { target, kind }).is_some() {
                return Err("two relationships have the same id".to_owned());
            }
        }
        Ok(())
    })
    .map_err(|reason| Refusal::broken(path, reason))?;
    Ok(found)
}
