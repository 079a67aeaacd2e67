//! HTTP/1.1 (RFC 9112) and its semantics as far as a push server needs them (RFC 9110).
//! Knows nothing of channels, dialects or connections.
pub mod chunked;
pub mod fetched;
pub mod glimpse;
pub mod head;
pub mod response;

use std::fmt;

/// A status code with its reason phrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Status {
    code: u16,
    /// It has the words of icomet, which are not those of the standard.
    is_in_icomets_words: bool,
}

impl Status {
    /// A code, with the words that the standard has for it.
    pub const fn of(code: u16) -> Self {
        Self { code, is_in_icomets_words: false }
    }

    /// The code.
    pub fn code(self) -> u16 {
        self.code
    }

    /// 101
    pub const SWITCHING_PROTOCOLS: Self = Self::of(101);
    /// 200
    pub const OK: Self = Self::of(200);
    /// 201
    pub const CREATED: Self = Self::of(201);
    /// 202
    pub const ACCEPTED: Self = Self::of(202);
    /// 204
    pub const NO_CONTENT: Self = Self::of(204);
    /// 304
    pub const NOT_MODIFIED: Self = Self::of(304);
    /// 400
    pub const BAD_REQUEST: Self = Self::of(400);
    /// 401
    pub const UNAUTHORIZED: Self = Self::of(401);
    /// 403
    pub const FORBIDDEN: Self = Self::of(403);
    /// 404
    pub const NOT_FOUND: Self = Self::of(404);
    /// 405
    pub const METHOD_NOT_ALLOWED: Self = Self::of(405);
    /// 408
    pub const REQUEST_TIMEOUT: Self = Self::of(408);
    /// 409
    pub const CONFLICT: Self = Self::of(409);
    /// 410
    pub const GONE: Self = Self::of(410);
    /// 413
    pub const CONTENT_TOO_LARGE: Self = Self::of(413);
    /// 414
    pub const URI_TOO_LONG: Self = Self::of(414);
    /// 415
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self::of(415);
    /// 417
    pub const EXPECTATION_FAILED: Self = Self::of(417);
    /// 422
    pub const UNPROCESSABLE: Self = Self::of(422);
    /// 426
    pub const UPGRADE_REQUIRED: Self = Self::of(426);
    /// 429
    pub const TOO_MANY_REQUESTS: Self = Self::of(429);
    /// 429, as icomet says it to publishers when there may be no more channels.
    pub const TOO_MANY_CHANNELS: Self = Self { code: 429, is_in_icomets_words: true };
    /// 431
    pub const HEAD_TOO_LARGE: Self = Self::of(431);
    /// 501
    pub const NOT_IMPLEMENTED: Self = Self::of(501);
    /// 502
    pub const BAD_GATEWAY: Self = Self::of(502);
    /// 503
    pub const UNAVAILABLE: Self = Self::of(503);
    /// 504
    pub const GATEWAY_TIMEOUT: Self = Self::of(504);
    /// 505
    pub const VERSION_NOT_SUPPORTED: Self = Self::of(505);

    /// The reason phrase.
    pub fn reason(self) -> &'static str {
        match self.code {
            101 => "Switching Protocols",
            200 => "OK",
            201 => "Created",
            202 => "Accepted",
            204 => "No Content",
            301 => "Moved Permanently",
            302 => "Found",
            303 => "See Other",
            304 => "Not Modified",
            307 => "Temporary Redirect",
            308 => "Permanent Redirect",
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Payment Required",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            410 => "Gone",
            413 => "Content Too Large",
            414 => "URI Too Long",
            415 => "Unsupported Media Type",
            417 => "Expectation Failed",
            422 => "Unprocessable Content",
            426 => "Upgrade Required",
            429 if self.is_in_icomets_words => "Too Many Channels",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            504 => "Gateway Timeout",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "Unknown",
        }
    }
}

/// A request method. Unknown ones are refused with 501.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Any other; known nowhere, but there are paths that say which are.
    Other,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "OTHER",
        }
    }
}

/// Why a request is refused before anybody asks what it means. Each ends the connection after its answer: where the
/// next request would begin is not certain, or not wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// 400, with what was wrong and what was expected.
    Bad(&'static str),
    /// 414: the request line is longer than `request_line_bytes_max`.
    LineTooLong,
    /// 431: more than `head_bytes_max` or `headers_max`.
    HeadTooLarge,
    /// 413: more than `body_bytes_max`.
    BodyTooLarge,
    /// 408: not whole in time.
    TooSlow,
    /// 417: an expectation other than 100-continue.
    Expectation,
    /// 501: a method or transfer coding that is not known here.
    NotImplemented(&'static str),
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    Version,
}

impl Reject {
    /// The status it is answered with.
    pub fn status(self) -> Status {
        match self {
            Self::Bad(_) => Status::BAD_REQUEST,
            Self::LineTooLong => Status::URI_TOO_LONG,
            Self::HeadTooLarge => Status::HEAD_TOO_LARGE,
            Self::BodyTooLarge => Status::CONTENT_TOO_LARGE,
            Self::TooSlow => Status::REQUEST_TIMEOUT,
            Self::Expectation => Status::EXPECTATION_FAILED,
            Self::NotImplemented(_) => Status::NOT_IMPLEMENTED,
            Self::Version => Status::VERSION_NOT_SUPPORTED,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bad(why) | Self::NotImplemented(why) => why,
            Self::LineTooLong => "the request line is longer than request_line_bytes_max",
            Self::HeadTooLarge => {
                "the request head is larger than head_bytes_max or has more fields than headers_max"
            }
            Self::BodyTooLarge => "the request body is larger than body_bytes_max",
            Self::TooSlow => "the request did not arrive in time",
            Self::Expectation => "the only expectation that can be met is 100-continue",
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
        })
    }
}
