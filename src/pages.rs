//! Pages that are files as they are: their media types, and the doors to them.
//! Knows nothing of what they show.
use bytes::Bytes;
use rcomet_core::config::Page;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(crate) const ICON: &str = "image/svg+xml";

/// What is served of a file: path, media type, content.
pub(crate) type Served = (&'static str, &'static str, &'static [u8]);

/// A page that leads to another those who have typed less than its address. It says where relatively: behind a proxy all of
/// them may stand below another path. It has no icon, and says so, or browsers would ask for one.
macro_rules! door {
    ($to:literal, $words:literal) => {
        concat!(
            "<!doctype html><meta charset=\"utf-8\"><title>rcomet</title><link rel=\"icon\" href=\"data:,\"><meta http-equiv=\"refresh\" content=\"0; url=",
            $to,
            "\"><p><a href=\"",
            $to,
            "\">",
            $words,
            "</a></p>\n"
        )
        .as_bytes()
    };
}
pub(crate) use door;

/// The same as the core has them.
pub(crate) fn pages(served: &[Served]) -> impl Iterator<Item = Page> {
    served.iter().map(|&(path, content_type, body)| Page {
        path: path.into(),
        content_type,
        body: Bytes::from_static(body),
    })
}
