//! Why TLS failed, in words: it is what people get wrong first.

use std::error::Error as StdError;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};

/// Whether the only fault of a certificate so far is that it may sign others.
pub fn is_authority(error: &TlsError) -> bool {
    match error {
        TlsError::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
        }
        _ => false,
    }
}

/// Why a connection failed, where TLS is why.
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

/// What TLS did not like.
pub enum Fault {
    /// The certificate of the server, and why.
    Certificate(String),
    /// Something else.
    Other(String),
}

fn fault(error: &TlsError) -> Fault {
    use CertificateError as Bad;
    let why = match error {
        TlsError::InvalidMessage(_) => {
            return Fault::Other("it speaks no TLS there; is the address one with http://?".to_owned());
        }
        TlsError::InvalidCertificate(_) if is_authority(error) => {
            "it is the certificate of an authority; to believe this very certificate, give it with --ca"
                .to_owned()
        }
        TlsError::InvalidCertificate(Bad::UnknownIssuer) => {
            "nobody whom --ca names, or without it the system trusts, vouches for it".to_owned()
        }
        TlsError::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "it is for another name than that in the address".to_owned()
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
                "it serves only clients with a certificate: give --client-cert and --client-key".to_owned(),
            );
        }
        TlsError::AlertReceived(AlertDescription::UnknownCA | AlertDescription::BadCertificate) => {
            return Fault::Other(
                "no authority that it knows vouches for the certificate of --client-cert".to_owned(),
            );
        }
        TlsError::General(reason) => return Fault::Other(reason.clone()),
        other => return Fault::Other(other.to_string()),
    };
    Fault::Certificate(why)
}
