//! The entry points of the fuzz targets for the log and snapshots, see [`crate::fuzz`].

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};

use super::log::header::HEADER_BYTES;
use super::log::payload::{self, Payload};
use super::log::segment::{self, Segment};
use super::log::{chain, entry};
use super::snapshot;
use crate::engine::EngineError;

/// Reads `bytes` as a segment of the log, as opening does: unchanged, and again with every checksum
/// corrected. Otherwise the checksums would stop nearly every input.
pub(crate) fn segment(bytes: &[u8]) {
    read_segment(bytes);
    let header = segment::Header { sequence: 1, id: 0, timeline: [0; 16], first: 1 };
    let mut whole = header.encode().to_vec();
    whole.extend_from_slice(bytes.get(HEADER_BYTES..).unwrap_or_default());
    seal(&mut whole, header.seed());
    read_segment(&whole);
}

/// Reads `bytes` as a snapshot: unchanged, and again with every checksum corrected.
pub(crate) fn snapshot(bytes: &[u8]) {
    read_snapshot(bytes);
    let header = snapshot::Header { position: 1, id: 0, timeline: [0; 16] };
    let mut whole = header.encode().to_vec();
    whole.extend_from_slice(bytes.get(HEADER_BYTES..).unwrap_or_default());
    seal(&mut whole, header.seed());
    read_snapshot(&whole);
}

fn read_snapshot(bytes: &[u8]) {
    let Some(file) = in_memory(bytes) else { return };
    let _ = snapshot::verify(&path_of(&file), &mut |_| Ok(()));
}

/// Reads `bytes` as the payload of an entry: plain, and as a zstd frame with a given length.
pub(crate) fn payload(bytes: &[u8]) {
    let stored = Bytes::copy_from_slice(bytes);
    let _ = payload::decode(&Payload { stored: stored.clone(), plain_len: None });
    for plain_len in [bytes.len().saturating_mul(8), payload::MAX_PAYLOAD_BYTES + 1] {
        let _ = payload::decode(&Payload { stored: stored.clone(), plain_len: Some(plain_len) });
    }
}

fn read_segment(bytes: &[u8]) {
    let head = bytes.get(..HEADER_BYTES).and_then(|head| head.try_into().ok());
    let Some(Ok(Some(header))) = head.map(segment::Header::decode) else { return };
    let Some(file) = in_memory(bytes) else { return };
    let segments = [Segment { path: path_of(&file), header }];
    let Ok(end) = chain::find_end(&segments, header.first.saturating_sub(1)) else { return };
    let after = header.first.saturating_sub(1);
    let _ = chain::replay(&segments, after, end.last, |_, _| Ok::<(), EngineError>(()));
}

/// A file in memory.
fn in_memory(bytes: &[u8]) -> Option<File> {
    let mut file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).ok()?);
    file.write_all(bytes).ok()?;
    Some(file)
}

/// A path under which the file can be opened.
fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Corrects the checksum of every entry that fits into the segment.
fn seal(segment: &mut [u8], seed: u32) {
    let mut rest = segment.get_mut(HEADER_BYTES..).unwrap_or_default();
    while let Some(fixed) = rest.first_chunk::<{ entry::HEADER_BYTES }>() {
        let bytes = entry::Header::decode(fixed)
            .map_or(entry::ALIGN, |header| entry::HEADER_BYTES.saturating_add(header.rest_bytes()));
        if bytes > rest.len() {
            return;
        }
        let (one, others) = rest.split_at_mut(bytes);
        let stored_len = one.get(12..16).and_then(|len| len.try_into().ok()).map_or(0, u32::from_le_bytes);
        let end = usize::try_from(stored_len).unwrap_or(usize::MAX).saturating_add(entry::HEADER_BYTES);
        if let Some(sealed) = one.get(8..end) {
            let crc = crc32c::crc32c_append(seed, sealed).to_le_bytes();
            one.iter_mut().skip(4).zip(crc).for_each(|(place, byte)| *place = byte);
        }
        one.iter_mut().skip(end).for_each(|padding| *padding = 0);
        rest = others;
    }
}
