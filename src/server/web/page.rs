//! Which web page sent a gRPC call.

use http::header::ORIGIN;
use http::{HeaderMap, Uri};

use crate::api::same_origin::{self, Sender};
use crate::config::Origins;

/// The web page of another server that sent a request: an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Its origin is in the list.
    Listed,
    /// Its origin is not in the list, which is `*`.
    Any,
    /// It may not call.
    Refused,
}

impl Page {
    /// The page that sent a request; `None` if there is none, or if it is one of this server.
    pub fn of(origins: &Origins, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(ORIGIN).iter();
        let origin = sent.next()?;
        let is_one = sent.next().is_none();
        if is_one && origins.lists(origin.as_bytes()) {
            return Some(Self::Listed);
        }
        let is_own = same_origin::target(uri, headers)
            .is_some_and(|target| matches!(same_origin::sender(headers, &target), Sender::OwnPage { .. }));
        match origins {
            _ if is_own => None,
            Origins::Any if is_one => Some(Self::Any),
            Origins::Any | Origins::Listed(_) | Origins::None => Some(Self::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_origin() {
        let listed = Origins::parse("https://app.example").unwrap();
        for (origins, sent, expected) in [
            (&listed, &["https://app.example"][..], Some(Page::Listed)),
            (&listed, &["https://evil.example"], Some(Page::Refused)),
            (&listed, &["null"], Some(Page::Refused)),
            (&listed, &["https://app.example", "https://evil.example"], Some(Page::Refused)),
            (&listed, &["http://members.example:50051"], None),
            (&listed, &[], None),
            (&Origins::Any, &["https://evil.example"], Some(Page::Any)),
            (&Origins::Any, &["null"], Some(Page::Any)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("host", "members.example:50051".parse().unwrap());
            for origin in sent {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(Page::of(origins, &"/".parse().unwrap(), &headers), expected, "{sent:?}");
        }
    }
}
