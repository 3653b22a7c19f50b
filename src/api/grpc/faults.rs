//! Statuses of faults that are found before a service sees the call, with our codes, reasons and texts.

use tonic::{Code, Status};

use super::v1::MESSAGE_MAX_BYTES;
use crate::api::{error, unknown};
use crate::model::Reason;

/// The status of a call that did not finish in time.
#[must_use]
pub fn deadline_passed() -> Status {
    error::status(Reason::Deadline, "the deadline passed before the call finished")
}

/// The refusal of a message over the limit.
#[must_use]
pub fn too_large(most: usize) -> Status {
    let mut text = format!("the message has more than {most} bytes");
    if most == MESSAGE_MAX_BYTES {
        text.push_str("; send fewer rows, or a stream of chunks");
    }
    error::status(Reason::MessageTooLarge, &text)
}

/// Gives a fault that tonic found our code, reason and text.
#[must_use]
pub fn translate(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let too_large = || too_large(MESSAGE_MAX_BYTES);
    match status.code() {
        Code::OutOfRange => too_large(),
        Code::ResourceExhausted if status.message().contains("decompressing") => too_large(),
        Code::Unimplemented if status.message().is_empty() => {
            error::foreign(Code::Unimplemented, "UNIMPLEMENTED", unknown::PATH)
        }
        Code::Unimplemented => error::foreign(Code::Unimplemented, "UNIMPLEMENTED", status.message()),
        Code::Internal => error::status(Reason::MessageMalformed, status.message()),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_found_by_the_transport_get_our_reasons() {
        let reason = |status| error::reason_of(&translate(status));
        assert_eq!(reason(Status::out_of_range("too large")).as_deref(), Some("MESSAGE_TOO_LARGE"));
        assert_eq!(reason(Status::internal("bad flag")).as_deref(), Some("MESSAGE_MALFORMED"));
        assert_eq!(reason(Status::unimplemented("")).as_deref(), Some("UNIMPLEMENTED"));
        let ours = error::status(Reason::Overloaded, "text");
        assert_eq!(reason(ours).as_deref(), Some("OVERLOADED"));
    }
}
