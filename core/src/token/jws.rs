//! The compact form of a JWS (RFC 7515, section 7.1): three parts in base64url with dots between.
//! Knows nothing of keys or of claims.
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Wrong;

/// A token whose parts are known, and nothing else of it.
#[derive(Debug)]
pub(super) struct Parts<'t> {
    /// What is signed: the first two parts, as they stand there.
    pub(super) signed: &'t str,
    /// What the token says, still in base64url.
    payload: &'t str,
    /// The bytes of the header, a JSON object.
    header: Vec<u8>,
    /// The bytes of the signature.
    pub(super) signature: Vec<u8>,
}

/// What a header says that matters here (RFC 7515, section 4.1). Keys that it brings along are not looked at.
#[derive(Deserialize)]
pub(super) struct Header<'h> {
    #[serde(borrow)]
    pub(super) alg: Cow<'h, str>,
    #[serde(default, borrow)]
    pub(super) kid: Option<Cow<'h, str>>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

impl<'t> Parts<'t> {
    /// Takes a token apart.
    pub(super) fn of(token: &'t str) -> Result<Self, Wrong> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Wrong::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Wrong::Form)?;
        if payload.contains('.') {
            return Err(Wrong::Form);
        }
        let (header, signature) = (decoded(header)?, decoded(signature)?);
        Ok(Self { signed, payload, header, signature })
    }

    /// Reads the header.
    pub(super) fn header(&self) -> Result<Header<'_>, Wrong> {
        let header: Header<'_> = super::object(&self.header).ok_or(Wrong::Form)?;
        if header.crit.is_some() { Err(Wrong::Critical) } else { Ok(header) }
    }

    /// What the token says: for those who have seen that its signature is right.
    pub(super) fn claims(&self) -> Result<Vec<u8>, Wrong> {
        decoded(self.payload)
    }
}

/// Strict: no padding, no other alphabet, no bits left over, so that a token is written in one way only.
fn decoded(part: &str) -> Result<Vec<u8>, Wrong> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Wrong::Form)
}
