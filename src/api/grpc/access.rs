//! The caller of a call and the access that it was admitted with.

use std::future::Future;

use tonic::Status;

use crate::directory::{Caller, Directory, Error, Gate};
use crate::model::token::AccessLevel;

/// The caller of a call and the access that it was admitted with: an extension of its request.
#[derive(Clone)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// The access that the call needs.
    pub needs: AccessLevel,
}

/// The service for the caller of `request`. The token is checked again now that the message is complete,
/// because it may have been revoked meanwhile.
pub fn enter<'a, T>(
    gate: &'a Gate,
    request: &tonic::Request<T>,
) -> impl Future<Output = Result<Directory, Status>> + use<'a, T> {
    // The future may move between threads, so it cannot borrow a request that is a stream.
    let admitted = request.extensions().get::<Admitted>().cloned();
    async move {
        let unknown =
            || Error::Internal { private: "a call reached its service without being admitted".to_owned() };
        let Admitted { caller, needs } = admitted.ok_or_else(unknown)?;
        Ok(gate.enter(caller, needs).await?)
    }
}
