//! What a workbook says before its sheets: their list, the shared texts, the styles and the system of dates.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::format::Format;
use super::super::limits::{FORMAT_CHARS, FORMATS, Limits, SHEETS, STYLES};
use super::super::refusal::Refusal;
use super::container::{OLD, WORKBOOK};
use super::record::{BOF, Data, EOF, Records, VERSION};
use super::style::{Shows, Style, shows};

const FILEPASS: u16 = 0x002F;
const DATEMODE: u16 = 0x0022;
const BOUNDSHEET: u16 = 0x0085;
const XF: u16 = 0x00E0;
const SST: u16 = 0x00FC;
const SUPBOOK: u16 = 0x01AE;
const FORMAT: u16 = 0x041E;
/// In place of the name of another file: the workbook itself, and functions of an add-in.
const ITSELF: [u16; 2] = [0x0401, 0x3A01];

pub(super) struct Globals {
    /// In the order of the tabs.
    pub sheets: Vec<Sheet>,
    pub strings: Strings,
    pub styles: Vec<Style>,
    pub formats: Vec<Format>,
    pub is_1904: bool,
}

/// A sheet, as the workbook lists it.
pub(super) struct Sheet {
    pub name: String,
    /// Where its records begin.
    pub start: usize,
    pub is_visible: bool,
    /// Not a chart, nor a sheet of macros.
    pub is_worksheet: bool,
}

/// The texts that the cells share.
#[derive(Default)]
pub(super) struct Strings {
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn get(&self, place: u32) -> Option<&str> {
        let place = usize::try_from(place).ok()?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.texts.get(start..*self.ends.get(place)?)
    }
}

/// Reads the records before those of the sheets.
pub(super) fn read(stream: &[u8], limits: &Limits) -> Result<Globals, Refusal> {
    let broken = |reason| Refusal::broken(WORKBOOK, reason);
    let mut records = Records::at(stream, 0).map_err(broken)?;
    let mut first = records.next().map_err(broken)?;
    if first.kind != BOF {
        return Err(broken("it does not begin like one"));
    }
    if first.data.u16().map_err(broken)? != VERSION {
        return Err(Refusal::Kind { kind: OLD });
    }
    let mut found = Found::default();
    loop {
        let record = records.next().map_err(broken)?;
        match record.kind {
            EOF => return Ok(found.globals()),
            FILEPASS => return Err(Refusal::Encrypted),
            kind => found.take(kind, record.data, limits)?,
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    sheets: Vec<Sheet>,
    names: HashSet<String>,
    strings: Strings,
    /// Codes of formats by their ids.
    codes: BTreeMap<u16, String>,
    /// The format of each style.
    formats: Vec<u16>,
    is_1904: bool,
}

impl Found {
    fn take(&mut self, kind: u16, mut data: Data<'_>, limits: &Limits) -> Result<(), Refusal> {
        let broken = |reason| Refusal::broken(WORKBOOK, reason);
        match kind {
            DATEMODE => self.is_1904 = data.u16().map_err(broken)? == 1,
            BOUNDSHEET => self.take_sheet(data)?,
            SST => self.take_strings(data, limits).map_err(broken)?,
            FORMAT => {
                let id = data.u16().map_err(broken)?;
                let code = data.text().map_err(broken)?;
                if code.chars().count() > FORMAT_CHARS {
                    return Err(broken("it holds a format that is too long"));
                }
                self.codes.insert(id, code);
                if self.codes.len() > FORMATS {
                    return Err(Refusal::broken(WORKBOOK, format!("it holds more than {FORMATS} formats")));
                }
            }
            XF => {
                data.skip(2).map_err(broken)?;
                self.formats.push(data.u16().map_err(broken)?);
                if self.formats.len() > STYLES {
                    return Err(Refusal::broken(WORKBOOK, format!("it holds more than {STYLES} styles")));
                }
            }
            SUPBOOK => {
                data.skip(2).map_err(broken)?;
                if !ITSELF.contains(&data.u16().map_err(broken)?) {
                    return Err(Refusal::ExternalLink { part: WORKBOOK.to_owned() });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_sheet(&mut self, mut data: Data<'_>) -> Result<(), Refusal> {
        let broken = |reason| Refusal::broken(WORKBOOK, reason);
        let start = data.u32().map_err(broken)?;
        let [state, kind] = data.bytes().map_err(broken)?;
        let name = data.short_text().map_err(broken)?;
        if !self.names.insert(name.clone()) {
            return Err(Refusal::broken(WORKBOOK, format!("two sheets are called \"{name}\"")));
        }
        if self.sheets.len() == SHEETS {
            return Err(Refusal::broken(WORKBOOK, format!("it lists more than {SHEETS} sheets")));
        }
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        self.sheets.push(Sheet { name, start, is_visible: state & 3 == 0, is_worksheet: kind == 0 });
        Ok(())
    }

    fn take_strings(&mut self, mut data: Data<'_>, limits: &Limits) -> Result<(), &'static str> {
        data.skip(4)?;
        // The record is at most as long as the file, so nothing is reserved for the count that it claims.
        let count = data.u32()?;
        for _ in 0..count {
            if self.strings.ends.len() == limits.cells {
                return Err("it holds too many texts");
            }
            self.strings.texts.push_str(&data.shared_text()?);
            self.strings.ends.push(self.strings.texts.len());
        }
        Ok(())
    }

    fn globals(self) -> Globals {
        let Self { sheets, strings, codes, formats: ids, is_1904, .. } = self;
        let mut formats = Vec::new();
        let mut known: HashMap<u16, Style> = HashMap::new();
        let mut style = |id: u16| {
            *known.entry(id).or_insert_with(|| match shows(id, codes.get(&id).map(String::as_str)) {
                Shows::Number(format) => {
                    formats.push(format);
                    Style::Number(u32::try_from(formats.len() - 1).unwrap_or(u32::MAX))
                }
                Shows::Date => Style::Date,
                Shows::Duration => Style::Duration,
            })
        };
        let styles = ids.into_iter().map(&mut style).collect();
        Globals { sheets, strings, styles, formats, is_1904 }
    }
}
