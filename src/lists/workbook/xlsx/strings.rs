//! The shared texts of a workbook, read for what calamine does not tell: which of them have several parts
//! that may or may not keep the space between them.

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::super::limits::{Limits, XML_PIECE};
use super::super::package::Package;
use super::super::refusal::Refusal;
use super::super::xml;

/// How many texts the cells share, and which of them are ambiguous.
#[derive(Default)]
pub(super) struct Strings {
    pub count: u32,
    pub glued: BTreeSet<u32>,
}

/// Reads the part in the place in which calamine looks for it.
pub(super) fn scan<R: Read + Seek>(
    package: &mut Package<R>,
    folder: &str,
    limits: &Limits,
) -> Result<Strings, Refusal> {
    let path = format!("{folder}sharedStrings.xml");
    let Some(part) = package.part(&path)? else { return Ok(Strings::default()) };
    scan_part(part, limits).map_err(|reason| Refusal::broken(path, reason))
}

fn scan_part(part: impl BufRead, limits: &Limits) -> Result<Strings, String> {
    let mut reader = xml::reader(part);
    let mut buffer = Vec::new();
    let mut strings = Strings::default();
    // calamine keeps all of them in memory.
    let mut left = limits.text;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(element) if element.local_name().as_ref() == "sst" => {
                // calamine reserves as much memory as this count claims.
                let claimed = xml::attribute(&element, "uniqueCount")?;
                if claimed.is_some_and(|count| {
                    count.trim().parse::<usize>().map_or(true, |count| count > limits.cells)
                }) {
                    return Err(format!("it claims more than {} texts", limits.cells));
                }
            }
            Event::Start(element) if element.local_name().as_ref() == "si" => {
                if usize::try_from(strings.count) == Ok(limits.cells) {
                    return Err(format!("it holds more than {} texts", limits.cells));
                }
                let text = text(&mut reader, "si")?;
                left = left
                    .checked_sub(text.bytes)
                    .ok_or_else(|| format!("its texts are longer than {} bytes together", limits.text))?;
                if text.is_glued {
                    strings.glued.insert(strings.count);
                }
                strings.count += 1;
            }
            Event::Eof => return Ok(strings),
            _ => {}
        }
    }
}

/// What is known about a text.
pub(super) struct Text {
    /// Whether it has several parts of which one begins or ends with a space that its mark does not preserve.
    pub is_glued: bool,
    /// Its length, with that of its phonetics.
    pub bytes: usize,
}

/// Reads a text up to the end of its element.
pub(super) fn text<R: BufRead>(reader: &mut Reader<R>, element: &str) -> Result<Text, String> {
    let mut buffer = Vec::new();
    let (mut parts, mut bytes) = (0_usize, 0_usize);
    let (mut is_phonetic, mut has_outer_space) = (false, false);
    let (mut is_text, mut is_kept) = (false, false);
    let mut text = String::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(start) => match start.local_name().as_ref() {
                "r" => parts += 1,
                "rPh" => is_phonetic = true,
                "t" => {
                    is_text = true;
                    is_kept = xml::attribute(&start, "space")?.as_deref() == Some("preserve");
                    text.clear();
                }
                _ => {}
            },
            Event::Text(part) if is_text => text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) if is_text => text.push(xml::referenced(&reference)?),
            Event::End(end) => match end.local_name().as_ref() {
                "t" => {
                    is_text = false;
                    bytes += text.len();
                    let space = [' ', '\t', '\r', '\n'];
                    let has_space = text.starts_with(space) || text.ends_with(space);
                    has_outer_space |= has_space && !is_kept && !is_phonetic;
                }
                "rPh" => is_phonetic = false,
                name if name == element => {
                    return Ok(Text { is_glued: parts > 1 && has_outer_space, bytes });
                }
                _ => {}
            },
            Event::Eof => return Err("the XML is cut off".to_owned()),
            _ => {}
        }
        if bytes + text.len() > XML_PIECE {
            return Err("it holds a text that is too long".to_owned());
        }
    }
}
