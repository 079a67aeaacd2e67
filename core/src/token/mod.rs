//! Signed tokens: who may do what in which channels, and until when. A token is a JWT (RFC 7519) in the compact form of a JWS
//! (RFC 7515). Wire: `docs/tokens.md`.
//! Knows nothing of connections. Time is an argument; nothing a token says is looked at before its signature has been found to be
//! right.
mod claims;
mod grant;
mod jws;
mod key;
mod known;
mod pem;
mod unread;

pub use claims::Expected;
pub use grant::{Act, Grant, Rule};
pub use key::{Algorithm, BadKey, Key, Keys};
pub use known::Known;

/// Why a token is refused. The words say what was wrong, and nothing of what would have been right but its form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// It is longer than `token_bytes_max`.
    TooLong,
    /// It has not the form of a signed token.
    Form,
    /// Its header asks for something that is not done here (`crit`, RFC 7515, section 4.1.11).
    Critical,
    /// Its header names no key, and there are several; or one that there is not.
    Key,
    /// Its header names another algorithm than its key has.
    Algorithm,
    /// Its signature is not right.
    Signature,
    /// Its claims are not what is expected: which one, and what would be.
    Claims(&'static str),
    /// It has no `exp`.
    NoExpiry,
    /// It has more rules than `token_rules_max`.
    Rules,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    TooEarly,
    /// It is from another issuer.
    Issuer,
    /// It is for somebody else.
    Audience,
}

impl Wrong {
    /// What it says to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::TooLong => "the token is longer than token_bytes_max",
            Self::Form => {
                "the token is no signed token: expected three parts in base64url, the first a JSON header with alg, and with kid as text if there is one"
            }
            Self::Critical => "the token's header has crit, and nothing that it can name is known here",
            Self::Key => {
                "the token's kid names no key of this server, or it names none and there are several"
            }
            Self::Algorithm => "the token's alg is not its key's",
            Self::Signature => "the token's signature is wrong",
            Self::Claims(words) => words,
            Self::NoExpiry => "the token has no exp",
            Self::Rules => "the token has more rules than token_rules_max",
            Self::Expired => "the token has expired",
            Self::TooEarly => "the token is not valid yet (nbf)",
            Self::Issuer => "the token is from another issuer (iss)",
            Self::Audience => "the token is for another audience (aud)",
        }
    }
}

/// What a JSON object says; arrays are no objects, whatever they could be read as.
fn object<'j, T: serde::Deserialize<'j>>(json: &'j [u8]) -> Option<T> {
    if json.trim_ascii_start().first() == Some(&b'{') { serde_json::from_slice(json).ok() } else { None }
}

/// Whether something that is shown could be a signed token at all: a channel's own has no dots.
pub fn is_signed(shown: &str) -> bool {
    memchr::memchr(b'.', shown.as_bytes()).is_some()
}
