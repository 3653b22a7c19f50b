//! The zip of an `.xlsx` or `.ods` file, unpacked into a counter before anything reads its parts.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufReader, Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::limits::{DEPTH, ENTRIES, Limits, SMALL_PART, STYLE_PIECE, XML_PIECE};
use super::refusal::Refusal;

/// The mark of an entry in the directory of a zip.
const ENTRY: u32 = 0x504B_0102;

/// A zip whose entries can be unpacked within the limits.
pub(super) struct Package<R> {
    archive: ZipArchive<R>,
    /// Parts in XML that were checked: their lower-case paths and places.
    parts: HashMap<String, usize>,
    /// Lower-case paths of all entries.
    paths: BTreeSet<String>,
}

impl<R: Read + Seek> Package<R> {
    /// Unpacks every entry once, and checks its length, its checksum and the sizes of its pieces of XML.
    pub(super) fn open(mut source: R, limits: &Limits) -> Result<Self, Refusal> {
        check_entries(&mut source)?;
        let archive = ZipArchive::new(source).map_err(|error| Refusal::broken("the zip", error))?;
        let mut package = Self { archive, parts: HashMap::new(), paths: BTreeSet::new() };
        let mut left = limits.unpacked;
        for place in 0..package.archive.len() {
            let mut entry =
                package.archive.by_index(place).map_err(|error| Refusal::broken("the zip", error))?;
            let name = entry.name().map_err(|error| Refusal::broken("the zip", error))?;
            let path = name.replace('\\', "/").to_ascii_lowercase();
            if package.paths.contains(&path) {
                return Err(Refusal::broken(path, "the zip holds it twice"));
            }
            let is_part = is_part(&path);
            let unpacked = check(&mut entry, &path, is_part, left)?;
            left = left.checked_sub(unpacked).ok_or_else(|| too_large(limits.unpacked))?;
            if is_part {
                package.parts.insert(path.clone(), place);
            }
            package.paths.insert(path);
        }
        Ok(package)
    }

    /// Lower-case paths of all entries.
    pub(super) fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    pub(super) fn into_inner(self) -> R {
        self.archive.into_inner()
    }

    /// A part in XML, whatever the case of its path.
    pub(super) fn part(&mut self, path: &str) -> Result<Option<BufReader<ZipFile<'_, R>>>, Refusal> {
        let Some(&place) = self.parts.get(&path.to_ascii_lowercase()) else { return Ok(None) };
        let entry = self.archive.by_index(place).map_err(|error| Refusal::broken(path, error))?;
        Ok(Some(BufReader::new(entry)))
    }
}

/// Counts the marks with which entries begin in the directory of a zip, because `zip` keeps all entries in
/// memory before it tells their number. The packed bytes of other entries hardly ever contain the mark.
fn check_entries(source: &mut (impl Read + Seek)) -> Result<(), Refusal> {
    let unreadable = |error: std::io::Error| Refusal::Unreadable(error.to_string());
    let (mut last, mut entries) = (0_u32, 0_usize);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = source.read(&mut buffer).map_err(unreadable)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        for &byte in bytes {
            last = last << 8 | u32::from(byte);
            entries += usize::from(last == ENTRY);
        }
        if entries > ENTRIES {
            return Err(Refusal::too_large("the number of entries of the zip", ENTRIES.to_string()));
        }
    }
    source.rewind().map_err(unreadable)
}

/// Whether an entry is in XML and may be read. Documents of the office program itself are not.
fn is_part(path: &str) -> bool {
    let is_xml = path.ends_with(".xml") || path.ends_with(".rels");
    let folders = ["docprops/", "customxml/", "meta-inf/"];
    let parts = ["/drawings/", "/charts/", "/comments", "/threadedcomments/", "/persons/"];
    // Of an `.ods` file, which is read without its styles.
    let is_root_styles = path == "styles.xml";
    is_xml
        && !is_root_styles
        && !folders.iter().any(|folder| path.starts_with(folder))
        && !parts.iter().any(|part| path.contains(part))
}

/// Unpacks an entry, and returns its length.
fn check(entry: &mut impl Read, path: &str, is_part: bool, left: u64) -> Result<u64, Refusal> {
    let is_styles = path.ends_with("/styles.xml");
    let mut pieces = Pieces::new(if is_styles { STYLE_PIECE } else { XML_PIECE });
    let is_large = path.contains("/worksheets/")
        || path.ends_with("sharedstrings.xml")
        || path == "content.xml"
        || !is_part;
    let mut buffer = vec![0; 64 << 10];
    let mut unpacked = 0_u64;
    loop {
        let read = entry.read(&mut buffer).map_err(|error| Refusal::broken(path, error))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        unpacked += u64::try_from(read).unwrap_or(u64::MAX);
        if unpacked > left {
            return Err(too_large(left));
        }
        if unpacked > SMALL_PART && !is_large {
            return Err(Refusal::too_large(path, format!("{} MiB", SMALL_PART >> 20)));
        }
        if is_part {
            pieces.take(bytes).map_err(|reason| Refusal::broken(path, reason))?;
        }
    }
    Ok(unpacked)
}

fn too_large(limit: u64) -> Refusal {
    Refusal::too_large("the unpacked workbook", format!("{} MiB", limit >> 20))
}

/// Measures the pieces between the tags of a part, its tags and how deep they are nested, because XML readers
/// keep a piece and the names of all open elements in memory.
struct Pieces {
    limit: usize,
    length: usize,
    depth: usize,
    within: Within,
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    Text,
    /// The first byte of a tag.
    Opened,
    Tag {
        /// Whether the tag ends its element, if it ends here.
        is_empty: bool,
    },
    Quoted(u8),
    /// The end of an element.
    End,
    Instruction {
        /// Whether the last byte was a question mark, which ends it together with the next.
        is_closing: bool,
    },
}

const UNUSUAL: &str = "it holds XML that no spreadsheet program writes";

impl Pieces {
    fn new(limit: usize) -> Self {
        Self { limit, length: 0, depth: 0, within: Within::Text }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        for &byte in bytes {
            self.length += 1;
            if self.length > self.limit {
                return Err("it holds a text or a tag that is too long");
            }
            self.within = match (self.within, byte) {
                (Within::Text, b'<') => {
                    self.length = 0;
                    Within::Opened
                }
                (Within::Text, _) => Within::Text,
                (Within::Opened, b'!') => return Err(UNUSUAL),
                (Within::Quoted(quote), byte) if byte == quote => Within::Tag { is_empty: false },
                (_, b'<') => return Err("a tag stands within another"),
                (Within::Quoted(quote), _) => Within::Quoted(quote),
                (Within::Opened, b'/') => Within::End,
                (Within::Opened, b'?') => Within::Instruction { is_closing: false },
                (Within::Instruction { is_closing: false }, b'>') => return Err(UNUSUAL),
                (within, b'>') => self.close(within)?,
                (Within::Instruction { .. }, _) => Within::Instruction { is_closing: byte == b'?' },
                (Within::End, b'"' | b'\'') => return Err(UNUSUAL),
                (Within::End, _) => Within::End,
                (Within::Opened | Within::Tag { .. }, b'"' | b'\'') => Within::Quoted(byte),
                (Within::Opened | Within::Tag { .. }, _) => Within::Tag { is_empty: byte == b'/' },
            };
        }
        Ok(())
    }

    /// Counts the element whose tag ends here.
    fn close(&mut self, within: Within) -> Result<Within, &'static str> {
        self.length = 0;
        match within {
            Within::End => self.depth = self.depth.saturating_sub(1),
            Within::Tag { is_empty: true } | Within::Instruction { .. } => {}
            _ => self.depth += 1,
        }
        if self.depth > DEPTH { Err("its elements are nested too deeply") } else { Ok(Within::Text) }
    }
}
