//! The text of a cell, without notes, drawings and phonetics.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::limits::XML_PIECE;
use super::super::xml::{qualified, referenced, skip};

/// A text while it is read. White space in the XML counts as one space, and as none at the outer ends of a
/// paragraph.
#[derive(Default)]
struct Text {
    text: String,
    /// Where the paragraph begins.
    paragraph: usize,
    has_paragraph: bool,
    /// White space that counts once something follows it.
    is_space_open: bool,
    /// Whether the text is inside a paragraph.
    is_open: bool,
}

impl Text {
    fn begin(&mut self) {
        if self.has_paragraph {
            self.text.push('\n');
        }
        self.paragraph = self.text.len();
        (self.has_paragraph, self.is_open, self.is_space_open) = (true, true, false);
    }

    fn push(&mut self, c: char) {
        if !self.is_open {
            return;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            self.is_space_open = self.text.len() > self.paragraph;
            return;
        }
        self.push_exactly(c);
    }

    /// A character that is not white space of the XML.
    fn push_exactly(&mut self, c: char) {
        if std::mem::take(&mut self.is_space_open) {
            self.text.push(' ');
        }
        self.text.push(c);
    }
}

/// Reads to the end of the cell, and returns its text with a line feed between paragraphs.
pub(super) fn read<R: BufRead>(reader: &mut Reader<R>, cell: &str) -> Result<String, String> {
    let mut text = Text::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(element) => match element.name().as_ref() {
                "text:p" => text.begin(),
                "text:s" => {
                    for _ in 0..spaces(&element)? {
                        text.push_exactly(' ');
                    }
                }
                "text:tab" => text.push_exactly('\t'),
                "text:line-break" => text.push_exactly('\n'),
                "text:span" | "text:a" | "text:ruby" | "text:ruby-base" => {}
                "table:table" => return Err("a cell holds a table".to_owned()),
                other => {
                    let other = other.to_owned();
                    skip(reader, &other)?;
                }
            },
            Event::Text(part) => part.xml10_content().chars().for_each(|c| text.push(c)),
            Event::GeneralRef(reference) => text.push(referenced(&reference)?),
            Event::End(end) if end.name().as_ref() == "text:p" => text.is_open = false,
            Event::End(end) if end.name().as_ref() == cell => return Ok(text.text),
            Event::Eof => return Err("the XML is cut off".to_owned()),
            _ => {}
        }
        if text.text.len() > XML_PIECE {
            return Err("it holds a text that is too long".to_owned());
        }
    }
}

/// How many spaces an element stands for.
fn spaces(element: &BytesStart<'_>) -> Result<usize, String> {
    let count = qualified(element, "text:c")?;
    let count = count.map_or(Ok(1), |count| count.trim().parse::<usize>());
    count.ok().filter(|count| *count <= XML_PIECE).ok_or_else(|| "a faulty number of spaces".to_owned())
}
