//! Explains why TLS failed, in plain words: it is the most frequent mistake.

use std::error::Error as StdError;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};

/// Whether the certificate is only rejected because it may sign others.
pub fn is_authority(error: &TlsError) -> bool {
    match error {
        TlsError::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
        }
        _ => false,
    }
}

/// The reason why a connection failed, if it is TLS.
pub fn why(error: &(dyn StdError + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        let found = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref());
        if let Some(found) = found {
            return Some(fault(found));
        }
        next = error.source();
    }
    None
}

/// The reason why TLS failed.
pub enum Fault {
    /// The certificate of the server was rejected, and why.
    Certificate(String),
    /// Something else.
    Other(String),
}

fn fault(error: &TlsError) -> Fault {
    use CertificateError as Bad;
    let why = match error {
        TlsError::InvalidMessage(_) => {
            return Fault::Other("it does not use TLS; should the address begin with http://?".to_owned());
        }
        TlsError::InvalidCertificate(_) if is_authority(error) => {
            "it is the certificate of an authority; to trust it, give it with --ca".to_owned()
        }
        TlsError::InvalidCertificate(Bad::UnknownIssuer) => {
            "no authority in the file of --ca, or without --ca in the system, has issued it".to_owned()
        }
        TlsError::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "it is for another name than the one in the address".to_owned()
        }
        TlsError::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "it has expired".to_owned()
        }
        TlsError::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "it is not valid yet; is the clock right?".to_owned()
        }
        TlsError::InvalidCertificate(other) => other.to_string(),
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            return Fault::Other(
                "it requires a client certificate: give --client-cert and --client-key".to_owned(),
            );
        }
        TlsError::AlertReceived(AlertDescription::UnknownCA | AlertDescription::BadCertificate) => {
            return Fault::Other(
                "no authority that it trusts has issued the certificate of --client-cert".to_owned(),
            );
        }
        TlsError::General(reason) => return Fault::Other(reason.clone()),
        other => return Fault::Other(other.to_string()),
    };
    Fault::Certificate(why)
}
