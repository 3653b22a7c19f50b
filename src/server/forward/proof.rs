//! What the servers of one store prove to each other, with the key that only readers of its tables have.
//!
//! - Whoever connects sends a random number to `HELLO`; the owner of the store answers with its code.
//! - Whoever passes a call on names the caller in [`FORWARDED`], with the time and the code of both. A code
//!   older than [`VALID_FOR`] is none, so that a header that somebody saw is of no lasting use. A header
//!   without a valid code names nobody, and changes nothing but that the call is not passed on again.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::engine::postgres::PeerKey;

/// The header of a call that was passed on: when, for whom, and the code of both.
pub const FORWARDED: HeaderName = HeaderName::from_static("memberbase-forwarded");
/// The header with the random number, and that with its code.
pub const NONCE: HeaderName = HeaderName::from_static("memberbase-nonce");
pub const PROOF: HeaderName = HeaderName::from_static("memberbase-proof");

/// How long the code of a caller is valid; clocks of servers differ by less.
const VALID_FOR: Duration = Duration::from_secs(300);
/// The longest random number that is answered, in characters.
const NONCE_MAX: usize = 64;
/// What a code is for: the first part of what it is the code of.
const OF_ACTIVE: &[u8] = b"active\0";
const OF_CALLER: &[u8] = b"caller\0";

/// A new random number.
pub fn nonce() -> Option<HeaderValue> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    HeaderValue::try_from(URL_SAFE_NO_PAD.encode(bytes)).ok()
}

/// The active server's answer to a random number.
pub fn answer(key: &PeerKey, headers: &HeaderMap) -> Option<HeaderValue> {
    let nonce = headers.get(NONCE)?.as_bytes();
    let code = key.sign(&[OF_ACTIVE, nonce.get(..nonce.len().min(NONCE_MAX))?]);
    HeaderValue::try_from(URL_SAFE_NO_PAD.encode(code)).ok()
}

/// Whether these headers answer that random number.
pub fn is_answered(key: &PeerKey, nonce: &HeaderValue, headers: &HeaderMap) -> bool {
    let code = headers.get(PROOF).and_then(|code| URL_SAFE_NO_PAD.decode(code.as_bytes()).ok());
    code.is_some_and(|code| key.verify(&[OF_ACTIVE, nonce.as_bytes()], &code))
}

/// The header for a caller, `now` seconds after 1970. Without an address it names nobody.
pub fn header(key: &PeerKey, caller: Option<IpAddr>, now: u64) -> HeaderValue {
    let nobody = HeaderValue::from_static("-");
    let Some(caller) = caller else { return nobody };
    let named = format!("{now} {caller}");
    let code = URL_SAFE_NO_PAD.encode(key.sign(&[OF_CALLER, named.as_bytes()]));
    HeaderValue::try_from(format!("{named} {code}")).unwrap_or(nobody)
}

/// The caller that a header proves.
fn proven(key: &PeerKey, header: &HeaderValue, now: u64) -> Option<IpAddr> {
    let (named, code) = header.to_str().ok()?.rsplit_once(' ')?;
    let (time, caller) = named.split_once(' ')?;
    let is_fresh = time.parse::<u64>().ok()?.abs_diff(now) <= VALID_FOR.as_secs();
    let code = URL_SAFE_NO_PAD.decode(code).ok()?;
    if is_fresh && key.verify(&[OF_CALLER, named.as_bytes()], &code) { caller.parse().ok() } else { None }
}

/// An extension of requests that another server passed on, or that claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Who called that server, if it proved that.
    pub caller: Option<IpAddr>,
}

/// What the active server knows of calls that others pass on. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<OnceLock<PeerKey>>);

impl Callers {
    /// This server owns the store, and proves it with this key from now on.
    pub fn begin(&self, key: PeerKey) {
        self.0.get_or_init(|| key);
    }

    /// The answer to a random number; `None` if this server has no key.
    pub fn answer(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        answer(self.0.get()?, headers)
    }

    /// What a request says about its way; `None` if its caller sent it here.
    pub fn of(&self, headers: &HeaderMap, now: impl FnOnce() -> u64) -> Option<Forwarded> {
        // Nearly every call ends here.
        let header = headers.get(FORWARDED)?;
        let caller = self.0.get().and_then(|key| proven(key, header, now()));
        Some(Forwarded { caller: caller.filter(|_| headers.get_all(FORWARDED).iter().count() == 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PeerKey = PeerKey::for_tests(1);
    const OTHER: PeerKey = PeerKey::for_tests(2);

    fn with(name: HeaderName, values: &[&HeaderValue]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), (*value).clone())).collect()
    }

    #[test]
    fn only_the_owner_of_the_key_answers_a_number() {
        let (number, another) = (nonce().unwrap(), nonce().unwrap());
        assert_ne!(number, another);
        let answer = answer(&KEY, &with(NONCE, &[&number])).unwrap();
        let answered = |key, number| is_answered(key, number, &with(PROOF, &[&answer]));
        assert!(answered(&KEY, &number));
        assert!(!answered(&OTHER, &number) && !answered(&KEY, &another));
        assert!(!is_answered(&KEY, &number, &HeaderMap::new()));
        assert!(super::answer(&KEY, &HeaderMap::new()).is_none());
    }

    #[test]
    fn a_caller_counts_only_with_its_code_and_for_some_minutes() {
        let callers = Callers::default();
        let of = |values: &[&HeaderValue], now| callers.of(&with(FORWARDED, values), || now);
        for address in ["192.0.2.7", "2001:db8::7"] {
            let address: IpAddr = address.parse().unwrap();
            let sent = header(&KEY, Some(address), 1_000);
            if callers.0.get().is_none() {
                assert_eq!(of(&[&sent], 1_000), Some(Forwarded { caller: None }), "it has no key yet");
                callers.begin(KEY);
            }
            for now in [700, 1_000, 1_300] {
                assert_eq!(of(&[&sent], now), Some(Forwarded { caller: Some(address) }));
            }
            for now in [0, 699, 1_301] {
                assert_eq!(of(&[&sent], now), Some(Forwarded { caller: None }), "{now}");
            }
            assert_eq!(of(&[&sent, &sent], 1_000), Some(Forwarded { caller: None }));
            let text = sent.to_str().unwrap();
            for forged in [
                text.replacen("1000", "1001", 1),
                text.replace(&address.to_string(), "127.0.0.1"),
                text.split_once(' ').unwrap().1.to_owned(),
                format!("{text}A"),
                "-".to_owned(),
                String::new(),
                header(&OTHER, Some(address), 1_000).to_str().unwrap().to_owned(),
            ] {
                let forged = HeaderValue::try_from(forged).unwrap();
                assert_eq!(of(&[&forged], 1_000), Some(Forwarded { caller: None }), "{forged:?}");
            }
        }
        assert_eq!(callers.of(&HeaderMap::new(), || 0), None);
        // A code for a connection is none for a caller.
        let number = HeaderValue::from_static("1000 127.0.0.1");
        let code = answer(&KEY, &with(NONCE, &[&number])).unwrap();
        let crossed = HeaderValue::try_from(format!("1000 127.0.0.1 {}", code.to_str().unwrap())).unwrap();
        assert_eq!(of(&[&crossed], 1_000), Some(Forwarded { caller: None }));
    }
}
