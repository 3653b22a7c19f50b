//! The style sheet, the script and the icon, which are part of the program.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A file that pages load. It has nothing of any store, so anybody may have it.
pub struct Asset {
    /// Its address.
    pub path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// The style sheet.
pub const STYLE: Asset = Asset {
    path: "/console/assets/console.css",
    kind: "text/css; charset=utf-8",
    bytes: include_bytes!("assets/console.css"),
};

/// The script.
pub const SCRIPT: Asset = Asset {
    path: "/console/assets/console.js",
    kind: "text/javascript; charset=utf-8",
    bytes: include_bytes!("assets/console.js"),
};

/// The icon.
pub const ICON: Asset = Asset {
    path: "/console/assets/icon.svg",
    kind: "image/svg+xml",
    bytes: include_bytes!("assets/icon.svg"),
};

/// The reply with an asset. Browsers ask each time whether it is still the same, so that a newer program
/// shows itself at once.
pub fn asset(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{:08x}\"", crc32c::crc32c(asset.bytes))).ok();
    let is_known = tag.is_some() && headers.get(IF_NONE_MATCH) == tag.as_ref();
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.bytes.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(tag.map(|tag| (ETAG, tag)));
    response
}
