//! What the servers of one store prove to each other, with the key that only readers of its tables have.
//!
//! - Whoever connects sends a random number to `HELLO`; the owner of the store answers with its code.
//! - Whoever passes a call on names the caller in [`FORWARDED`], with the time and the code of both. A code
//!   older than [`VALID_FOR`] is none, so that a header that somebody saw is of no lasting use. A header
//!   without a valid code names nobody, and changes nothing but that the call is not passed on again.
//! - Whoever opens a bundle of calls sends the time with its code, which is valid as long. So does whoever asks
//!   for a lease, with the id of the memberbase.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::engine::Grant;
use crate::engine::postgres::PeerKey;

/// The header of a call that was passed on: when, for whom, and the code of both.
pub const FORWARDED: HeaderName = HeaderName::from_static("memberbase-forwarded");
/// The header with the random number, and that with its code.
pub const NONCE: HeaderName = HeaderName::from_static("memberbase-nonce");
pub const PROOF: HeaderName = HeaderName::from_static("memberbase-proof");

/// The path of a bundle of calls.
pub const BUNDLES: &str = "/memberbase/bundle";
/// The header with the version of the frames in a bundle of calls, and the one that there is.
pub const BUNDLE: HeaderName = HeaderName::from_static("memberbase-bundle");
pub const VERSION: HeaderValue = HeaderValue::from_static("1");

/// The headers of the answer to a standby that asks for a lease: the number of the lease, and what opens it.
const LEASE: HeaderName = HeaderName::from_static("memberbase-lease");
const GRANT: HeaderName = HeaderName::from_static("memberbase-grant");

/// How long the code of a caller is valid; clocks of servers differ by less.
const VALID_FOR: Duration = Duration::from_secs(300);
/// The longest random number that is answered, in characters.
const NONCE_MAX: usize = 64;
/// What a code is for: the first part of what it is the code of.
const OF_ACTIVE: &[u8] = b"active\0";
const OF_CALLER: &[u8] = b"caller\0";
const OF_BUNDLE: &[u8] = b"bundle\0";
const OF_LEASE: &[u8] = b"lease\0";

/// The time of day, in seconds since 1970.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

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

/// The proof of a server that opens a bundle of calls, `now` seconds after 1970.
pub fn opening(key: &PeerKey, now: u64) -> Option<HeaderValue> {
    let time = now.to_string();
    let code = URL_SAFE_NO_PAD.encode(key.sign(&[OF_BUNDLE, time.as_bytes()]));
    HeaderValue::try_from(format!("{time} {code}")).ok()
}

/// The proof of a server that asks for a lease on a memberbase, `now` seconds after 1970.
pub fn asking(key: &PeerKey, base: &str, now: u64) -> Option<HeaderValue> {
    let named = format!("{now} {base}");
    let code = URL_SAFE_NO_PAD.encode(key.sign(&[OF_LEASE, named.as_bytes()]));
    HeaderValue::try_from(format!("{named} {code}")).ok()
}

/// The headers of the answer to a server that gets a lease.
pub fn lent(headers: &mut HeaderMap, lease: u32, grant: &Grant) {
    headers.insert(LEASE, lease.into());
    if let Ok(mut grant) = HeaderValue::try_from(URL_SAFE_NO_PAD.encode(grant.0)) {
        grant.set_sensitive(true);
        headers.insert(GRANT, grant);
    }
}

/// The lease that these headers grant.
pub fn lease_of(headers: &HeaderMap) -> Option<(u32, Grant)> {
    let lease = headers.get(LEASE)?.to_str().ok()?.parse().ok()?;
    let grant = URL_SAFE_NO_PAD.decode(headers.get(GRANT)?.as_bytes()).ok()?;
    Some((lease, Grant(grant.try_into().ok()?)))
}

/// What a header names, if it has the code of that and is recent.
fn proven<'a>(key: &PeerKey, of: &[u8], header: &'a HeaderValue, now: u64) -> Option<&'a str> {
    let (named, code) = header.to_str().ok()?.rsplit_once(' ')?;
    let code = URL_SAFE_NO_PAD.decode(code).ok()?;
    (is_fresh(named, now)? && key.verify(&[of, named.as_bytes()], &code)).then_some(named)
}

/// Whether the time at the beginning is recent.
fn is_fresh(named: &str, now: u64) -> Option<bool> {
    let time = named.split(' ').next()?.parse::<u64>().ok()?;
    Some(time.abs_diff(now) <= VALID_FOR.as_secs())
}

/// The headers of callers. The last one is kept, because many calls of a second have the same.
#[derive(Debug, Default)]
pub struct Headers(Mutex<Option<(Option<IpAddr>, u64, HeaderValue)>>);

impl Headers {
    /// See [`header`].
    pub fn of(&self, key: &PeerKey, caller: Option<IpAddr>, now: u64) -> HeaderValue {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, at, header)) if (*of, *at) == (caller, now) => header.clone(),
            _ => {
                let header = header(key, caller, now);
                *last = Some((caller, now, header.clone()));
                header
            }
        }
    }
}

/// An extension of requests that another server passed on, or that claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Who called that server, if it proved that.
    pub caller: Option<IpAddr>,
}

/// What the active server knows of calls that others pass on. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    key: OnceLock<PeerKey>,
    /// The last header whose code was right, and its caller.
    last: Mutex<Option<(HeaderValue, IpAddr)>>,
}

impl Callers {
    /// This server owns the store, and proves it with this key from now on.
    pub fn begin(&self, key: PeerKey) {
        self.0.key.get_or_init(|| key);
    }

    /// The answer to a random number; `None` if this server has no key.
    pub fn answer(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        answer(self.0.key.get()?, headers)
    }

    /// Whether a request that opens a bundle comes from a server of this store.
    pub fn may_bundle(&self, headers: &HeaderMap, now: u64) -> bool {
        let mut codes = headers.get_all(PROOF).iter();
        let (Some(key), Some(code), None) = (self.0.key.get(), codes.next(), codes.next()) else {
            return false;
        };
        headers.get(BUNDLE) == Some(&VERSION) && proven(key, OF_BUNDLE, code, now).is_some()
    }

    /// The memberbase, by its id, for which a server of this store asks with this request.
    pub fn asks_for<'a>(&self, headers: &'a HeaderMap, now: u64) -> Option<&'a str> {
        let mut codes = headers.get_all(PROOF).iter();
        let (Some(key), Some(code), None) = (self.0.key.get(), codes.next(), codes.next()) else {
            return None;
        };
        Some(proven(key, OF_LEASE, code, now)?.split_once(' ')?.1)
    }

    /// What a request says about its way; `None` if its caller sent it here.
    pub fn of(&self, headers: &HeaderMap, now: impl FnOnce() -> u64) -> Option<Forwarded> {
        // Nearly every call ends here.
        let header = headers.get(FORWARDED)?;
        let caller = self.0.key.get().and_then(|key| self.0.caller(key, header, now()));
        Some(Forwarded { caller: caller.filter(|_| headers.get_all(FORWARDED).iter().count() == 1) })
    }
}

impl Known {
    /// The caller that a header proves. Many calls have the same one.
    fn caller(&self, key: &PeerKey, header: &HeaderValue, now: u64) -> Option<IpAddr> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((right, caller)) = &*last()
            && right == header
            && is_fresh(header.to_str().ok()?, now)?
        {
            return Some(*caller);
        }
        let caller = proven(key, OF_CALLER, header, now)?.split_once(' ')?.1.parse().ok()?;
        *last() = Some((header.clone(), caller));
        Some(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

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
            if callers.0.key.get().is_none() {
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
        // A code for a connection or a bundle is none for a caller.
        let opened = opening(&KEY, 1_000).unwrap();
        assert_eq!(of(&[&opened], 1_000), Some(Forwarded { caller: None }));
        let number = HeaderValue::from_static("1000 127.0.0.1");
        let code = answer(&KEY, &with(NONCE, &[&number])).unwrap();
        let crossed = HeaderValue::try_from(format!("1000 127.0.0.1 {}", code.to_str().unwrap())).unwrap();
        assert_eq!(of(&[&crossed], 1_000), Some(Forwarded { caller: None }));
    }

    #[test]
    fn only_a_server_of_the_store_opens_a_bundle_and_only_with_a_version_that_is_known() {
        let callers = Callers::default();
        let may = |value: &HeaderValue, version: &'static str, now| {
            let mut headers = with(PROOF, &[value]);
            headers.insert(BUNDLE, HeaderValue::from_static(version));
            callers.may_bundle(&headers, now)
        };
        let proof = opening(&KEY, 1_000).unwrap();
        assert!(!may(&proof, "1", 1_000), "it has no key yet");
        callers.begin(KEY);
        assert!(may(&proof, "1", 700) && may(&proof, "1", 1_300));
        assert!(!may(&proof, "1", 699) && !may(&proof, "1", 1_301) && !may(&proof, "2", 1_000));
        assert!(!callers.may_bundle(&with(PROOF, &[&proof]), 1_000), "no version");
        let caller = header(&KEY, Some("127.0.0.1".parse().unwrap()), 1_000);
        for wrong in [opening(&OTHER, 1_000).unwrap(), caller, HeaderValue::from_static("1000 AAAA")] {
            assert!(!may(&wrong, "1", 1_000), "{wrong:?}");
        }
        let mut twice = with(PROOF, &[&proof, &proof]);
        twice.insert(BUNDLE, VERSION);
        assert!(!callers.may_bundle(&twice, 1_000));
    }

    #[test]
    fn only_a_server_of_the_store_asks_for_a_lease_and_only_for_what_its_code_names() {
        let callers = Callers::default();
        let asks =
            |value: &HeaderValue, now| callers.asks_for(&with(PROOF, &[value]), now).map(str::to_owned);
        let asked = asking(&KEY, "mb_1", 1_000).unwrap();
        assert_eq!(asks(&asked, 1_000), None, "it has no key yet");
        callers.begin(KEY);
        assert_eq!(asks(&asked, 700).as_deref(), Some("mb_1"));
        assert_eq!((asks(&asked, 699), asks(&asked, 1_301)), (None, None));
        let text = asked.to_str().unwrap();
        for wrong in [text.replace("mb_1", "mb_2"), text.replacen("1000", "1001", 1)] {
            assert_eq!(asks(&HeaderValue::try_from(wrong).unwrap(), 1_000), None);
        }
        for wrong in [asking(&OTHER, "mb_1", 1_000), opening(&KEY, 1_000)] {
            assert_eq!(asks(&wrong.unwrap(), 1_000), None);
        }
        assert_eq!(callers.asks_for(&with(PROOF, &[&asked, &asked]), 1_000), None);
        assert_documented(asked.as_bytes());
    }

    #[test]
    fn what_opens_a_lease_comes_back_out_of_the_headers() {
        let (mut headers, grant) = (HeaderMap::new(), Grant([7; 16]));
        lent(&mut headers, 12, &grant);
        assert_eq!(lease_of(&headers), Some((12, grant)));
        assert!(headers.get(GRANT).unwrap().is_sensitive());
        assert_documented(headers.get(GRANT).unwrap().as_bytes());
        for name in [LEASE, GRANT] {
            let mut without = headers.clone();
            without.remove(name);
            assert_eq!(lease_of(&without), None);
        }
    }

    #[test]
    fn a_header_is_made_once_a_second_for_each_caller_in_turn() {
        let headers = Headers::default();
        for (caller, now) in [("127.0.0.1", 1), ("127.0.0.1", 1), ("192.0.2.7", 1), ("192.0.2.7", 2)] {
            let caller = Some(caller.parse().unwrap());
            assert_eq!(headers.of(&KEY, caller, now), header(&KEY, caller, now));
        }
        assert_eq!(headers.of(&KEY, None, 2), header(&KEY, None, 2));
    }
}
