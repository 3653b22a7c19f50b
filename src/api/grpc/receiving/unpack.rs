//! Unpacks compressed messages. The size of a message is known before memory is taken for it.
//!
//! A few hundred bytes can unpack to many megabytes. So a message is first unpacked into a small buffer. If
//! it does not fit, it is unpacked once to measure its size, without keeping the result, and again once there
//! is memory for it.

use std::io::{self, Read};

use http::{HeaderMap, HeaderName};
use tonic::Status;

use crate::api::error;
use crate::api::grpc::faults;
use crate::model::Reason;

/// The header with the compression of a request's messages.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// Messages up to this size, in bytes, are unpacked only once.
const SMALL_BYTES: u64 = 64 * 1024;
/// The largest window of a zstd message, as a power of two in bytes: the size that RFC 8878 recommends every
/// decoder to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The compression in the headers of a request; none if tonic refuses it, or if nothing has to be
    /// unpacked.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        match headers.get(GRPC_ENCODING)?.as_bytes() {
            b"gzip" => Some(Self::Gzip),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn reader(self, bytes: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// Unpacks a message if it is small.
pub fn small(encoding: Encoding, bytes: &[u8]) -> Result<Option<Vec<u8>>, Status> {
    let unpack = || {
        let mut unpacked = Vec::new();
        encoding.reader(bytes)?.take(SMALL_BYTES + 1).read_to_end(&mut unpacked)?;
        Ok(unpacked)
    };
    let unpacked = unpack().map_err(|fault: io::Error| refuse(&fault))?;
    let is_small = u64::try_from(unpacked.len()).is_ok_and(|length| length <= SMALL_BYTES);
    Ok(is_small.then_some(unpacked))
}

/// The unpacked size of a message, which may be at most `most` bytes.
pub fn length(encoding: Encoding, bytes: &[u8], most: usize) -> Result<usize, Status> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let unpack = || io::copy(&mut encoding.reader(bytes)?.take(limit.saturating_add(1)), &mut io::sink());
    let length = unpack().map_err(|fault| refuse(&fault))?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > most { Err(faults::too_large(most)) } else { Ok(length) }
}

/// Unpacks a message whose size is known.
pub fn whole(encoding: Encoding, bytes: &[u8], length: usize) -> Result<Vec<u8>, Status> {
    let unpack = || {
        let mut unpacked = Vec::with_capacity(length);
        encoding.reader(bytes)?.read_to_end(&mut unpacked)?;
        Ok(unpacked)
    };
    unpack().map_err(|fault: io::Error| refuse(&fault))
}

fn refuse(fault: &io::Error) -> Status {
    error::status(Reason::MessageMalformed, &format!("the message cannot be unpacked: {fault}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pack(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
    }

    #[test]
    fn a_message_is_kept_while_it_is_small_and_measured_when_it_is_not() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            for (size, is_small) in [(0, true), (65_536, true), (65_537, false), (1_000_000, false)] {
                let plain = vec![7; size];
                let packed = pack(encoding, &plain);
                assert_eq!(small(encoding, &packed).unwrap(), is_small.then(|| plain.clone()));
                assert_eq!(length(encoding, &packed, 1_000_000).unwrap(), size);
                assert_eq!(whole(encoding, &packed, size).unwrap(), plain);
            }
        }
    }

    #[test]
    fn too_large_messages_are_refused_by_size_and_damaged_ones_as_malformed() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let reason = |bytes: &[u8], most| error::reason_of(&length(encoding, bytes, most).unwrap_err());
            let packed = pack(encoding, &vec![7; 100_000]);
            assert_eq!(reason(&packed, 99_999).as_deref(), Some("MESSAGE_TOO_LARGE"));
            assert_eq!(reason(&packed[..packed.len() / 2], 100_000).as_deref(), Some("MESSAGE_MALFORMED"));
            assert_eq!(reason(&[1, 2, 3], 100_000).as_deref(), Some("MESSAGE_MALFORMED"));
            assert!(small(encoding, &[1, 2, 3]).is_err());
        }
    }
}
