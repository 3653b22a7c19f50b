//! The caller of a call and the access that it was admitted with.
//!
//! They are kept in the task of the call, because an extension of a request takes three allocations.

use tonic::Status;

use crate::directory::{Caller, Directory, Error, Gate};
use crate::model::token::AccessLevel;

tokio::task_local! {
    static CALL: Admitted;
}

/// The caller of a call and the access that it was admitted with.
#[derive(Clone)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// The access that the call needs.
    pub needs: AccessLevel,
    /// Whether its client takes compressed replies.
    pub takes_packed: bool,
}

/// Runs `call` as admitted.
pub fn scope<F: Future>(admitted: Admitted, call: F) -> impl Future<Output = F::Output> {
    CALL.scope(admitted, call)
}

/// The service for the caller of the current call. The token is checked again now that the message is
/// complete, because it may have been revoked meanwhile.
pub async fn enter(gate: &Gate) -> Result<Directory, Status> {
    let unknown =
        |_| Error::Internal { private: "a call reached its service without being admitted".to_owned() };
    let Admitted { caller, needs, .. } = CALL.try_with(Admitted::clone).map_err(unknown)?;
    Ok(gate.enter(caller, needs).await?)
}

/// Whether the reply to the current call may be compressed.
pub fn takes_packed() -> bool {
    // Tests make replies outside of any call.
    CALL.try_with(|admitted| admitted.takes_packed).unwrap_or(true)
}
