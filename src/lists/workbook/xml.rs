//! Reading XML parts, in the way in which calamine reads them.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// A reader of a part. An empty element is a start and an end.
pub(super) fn reader<R: BufRead>(part: R) -> Reader<R> {
    let mut reader = Reader::from_reader(part);
    let config = reader.config_mut();
    config.trim_text(false);
    config.expand_empty_elements = true;
    reader
}

/// The value of an attribute, whatever the prefix of its name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref() == name {
            return value(&attribute).map(Some);
        }
    }
    Ok(None)
}

/// The value of an attribute with this prefix and name.
pub(super) fn qualified(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == name {
            return value(&attribute).map(Some);
        }
    }
    Ok(None)
}

fn value(attribute: &Attribute<'_>) -> Result<String, String> {
    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
    value.map(Cow::into_owned).map_err(|error| error.to_string())
}

/// Whether an attribute is true in the sense of XML Schema.
pub(super) fn is_true(value: Option<&str>) -> bool {
    matches!(value.map(str::trim), Some("1" | "true"))
}

/// Calls `each` for every start of an element, until the part ends.
pub(super) fn for_each_element<R: BufRead>(
    part: R,
    mut each: impl FnMut(&BytesStart<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = reader(part);
    let mut buffer = Vec::new();
    let mut depth = 0_usize;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(element) => {
                depth += 1;
                each(&element)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if depth > 0 => return Err("the XML is cut off".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The character that a reference such as `&amp;` or `&#10;` stands for.
pub(super) fn referenced(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c);
    }
    match reference.xml10_content().as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(format!("unknown entity &{other};")),
    }
}

/// Reads to the end of an element that has started. Elements of the same name may stand within it.
pub(super) fn skip<R: BufRead>(reader: &mut Reader<R>, name: &str) -> Result<(), String> {
    let mut depth = 1_usize;
    let mut buffer = Vec::new();
    while depth > 0 {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(element) if element.name().as_ref() == name => depth += 1,
            Event::End(element) if element.name().as_ref() == name => depth -= 1,
            Event::Eof => return Err("the XML is cut off".to_owned()),
            _ => {}
        }
    }
    Ok(())
}
