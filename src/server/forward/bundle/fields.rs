//! Headers and trailers as bytes.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::server::forward::proof::FORWARDED;
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};

/// Most fields of one list.
const MOST: usize = 128;
/// What precedes a name that has no number.
const NAMED: u8 = 0;
/// Names with a number, which is their place, counted from 1. Numbers are never reused.
static NUMBERED: [HeaderName; 14] = [
    CONTENT_TYPE,
    TE,
    USER_AGENT,
    AUTHORIZATION,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    FORWARDED,
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    HeaderName::from_static("idempotency-replayed"),
];

/// Appends these fields. Returns whether they are few enough.
pub fn write(out: &mut Writer, fields: &HeaderMap) -> bool {
    out.varint(fields.len().try_into().unwrap_or(u64::MAX));
    for (name, value) in fields {
        let place = NUMBERED.iter().position(|numbered| numbered == name);
        match place.and_then(|place| u8::try_from(place + 1).ok()) {
            Some(number) => out.u8(number),
            None => {
                out.u8(NAMED);
                out.slice(name.as_str().as_bytes());
            }
        }
        out.slice(value.as_bytes());
    }
    fields.len() <= MOST
}

/// Reads what [`write()`] wrote. Values share the bytes of `frame`, in which the reader is.
pub fn read(reader: &mut Reader<'_>, frame: &Bytes) -> Result<HeaderMap, DecodeError> {
    let count = reader.size()?;
    if count > MOST {
        return Err(reader.damaged("it has too many fields"));
    }
    let mut fields = HeaderMap::with_capacity(count);
    for _ in 0..count {
        let name = match reader.u8()? {
            NAMED => HeaderName::from_bytes(reader.slice()?).ok(),
            number => NUMBERED.get(usize::from(number) - 1).cloned(),
        };
        let name = name.ok_or_else(|| reader.damaged("a field has no such name"))?;
        let value = HeaderValue::from_maybe_shared(frame.slice_ref(reader.slice()?));
        fields.append(name, value.map_err(|_| reader.damaged("a field has no such value"))?);
    }
    Ok(fields)
}
