//! The OLE file around a workbook: a table says which sector of the file follows which.

use std::io::{Cursor, Read};

use cfb::CompoundFile;

use super::super::refusal::Refusal;

/// The stream with the workbook, as errors call it.
pub(super) const WORKBOOK: &str = "the workbook";
/// The kind of a file with another stream or version.
pub(super) const OLD: &str = "an .xls workbook of Excel 95 or older";
/// The size of a sector in nearly all files, and of the header.
const SECTOR: usize = 512;
/// Where the header says how large sectors are, how many of them hold the table, and which.
const SHIFT: usize = 30;
const COUNT: usize = 44;
const PLACES: usize = 76;
const END_OF_CHAIN: [u8; 4] = [0xFE, 0xFF, 0xFF, 0xFF];
const FREE: [u8; 4] = [0xFF; 4];

/// The bytes of the workbook's stream.
pub(super) fn stream(mut bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let broken = |error: std::io::Error| Refusal::broken("the OLE file", error);
    free_beyond_end(&mut bytes);
    // No stream is longer, whatever the directory claims.
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut file = CompoundFile::open(Cursor::new(bytes)).map_err(broken)?;
    if file.is_stream("/EncryptedPackage") {
        return Err(Refusal::Encrypted);
    }
    if !file.is_stream("/Workbook") {
        let kind = if file.is_stream("/Book") { OLD } else { "an OLE file without a workbook" };
        return Err(Refusal::Kind { kind });
    }
    let stream = file.open_stream("/Workbook").map_err(broken)?;
    let length = stream.len();
    let mut workbook = Vec::new();
    stream.take(most).read_to_end(&mut workbook).map_err(broken)?;
    if u64::try_from(workbook.len()) == Ok(length) {
        Ok(workbook)
    } else {
        Err(Refusal::broken(WORKBOOK, "its stream is cut off"))
    }
}

/// SheetJS fills the table up with ends of chains, for sectors that do not exist. `cfb` expects free sectors
/// there. If the file was cut, another entry leads to a sector that is missing, and `cfb` refuses it.
fn free_beyond_end(bytes: &mut [u8]) {
    if bytes.get(SHIFT) != Some(&9) {
        return;
    }
    let sectors = bytes.len().div_ceil(SECTOR).saturating_sub(1);
    let Some(count) = number(bytes, COUNT).filter(|count| (1..=109).contains(count)) else { return };
    let Some(last) = number(bytes, PLACES + 4 * (count - 1)) else { return };
    let start = last.saturating_add(1).saturating_mul(SECTOR);
    let Some(table) = bytes.get_mut(start..).and_then(|rest| rest.get_mut(..SECTOR)) else { return };
    let first = (count - 1) * (SECTOR / 4);
    let (entries, _) = table.as_chunks_mut::<4>();
    for entry in entries.iter_mut().skip(sectors.saturating_sub(first)) {
        if *entry == END_OF_CHAIN {
            *entry = FREE;
        }
    }
}

fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let number = bytes.get(place..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
