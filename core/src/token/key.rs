//! Keys that tokens are signed with: by which algorithm, and how one is found by its name (`kid`).
//! Each key has one algorithm, and a token that names another is refused: what is public for one is a secret for another.
use std::fmt;

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

use super::claims::{self, Expected};
use super::jws::Parts;
use super::pem::{self, Public};
use super::{Grant, Wrong};

/// Bytes of a secret at least: as many as the hash has (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// How a token is signed (RFC 7518, section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a secret that both sides have.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// Why a key cannot be used, in words for the administrator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadKey(pub String);

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key.
pub struct Key {
    id: Box<str>,
    algorithm: Algorithm,
    secret: Secret,
}

enum Secret {
    Shared(hmac::Key),
    Public(UnparsedPublicKey<Vec<u8>>),
}

impl Key {
    /// A key made of a secret (HS256), or of a public key in PEM (RS256, ES256).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(id: &str, algorithm: Algorithm, material: &[u8]) -> Result<Self, BadKey> {
        let public = |which: &'static dyn VerificationAlgorithm, bytes| {
            Secret::Public(UnparsedPublicKey::new(which, bytes))
        };
        let secret = match algorithm {
            Algorithm::Hs256 if pem::is_pem(material) => {
                return Err(BadKey(
                    "this is a PEM file, and HS256 wants a secret that nobody else knows".into(),
                ));
            }
            Algorithm::Hs256 if material.len() < SECRET_BYTES_MIN => {
                return Err(BadKey(format!(
                    "the secret has {} bytes: HS256 wants at least {SECRET_BYTES_MIN} (RFC 7518, section 3.2)",
                    material.len()
                )));
            }
            Algorithm::Hs256 => Secret::Shared(hmac::Key::new(hmac::HMAC_SHA256, material)),
            Algorithm::Rs256 => match pem::public_key(material)? {
                Public::Rsa(bytes) => public(&RSA_PKCS1_2048_8192_SHA256, bytes),
                Public::P256(_) => {
                    return Err(BadKey("this is a key of an elliptic curve: it is for ES256".into()));
                }
            },
            Algorithm::Es256 => match pem::public_key(material)? {
                Public::P256(bytes) => public(&ECDSA_P256_SHA256_FIXED, bytes),
                Public::Rsa(_) => return Err(BadKey("this is an RSA key: it is for RS256".into())),
            },
        };
        Ok(Self { id: id.into(), algorithm, secret })
    }

    /// Whether this is the key's signature; the comparison of secrets takes the same time for every wrong one.
    fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.secret {
            Secret::Shared(key) => hmac::verify(key, signed, signature).is_ok(),
            Secret::Public(key) => key.verify(signed, signature).is_ok(),
        }
    }
}

/// All keys that are good now. Two at a time let one follow the other.
#[derive(Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// These.
    pub fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token allows.
    ///
    /// # Errors
    /// Why it is refused. Nothing that it says has been used then but its key's name and its algorithm's.
    pub fn verify(&self, token: &str, expected: &Expected<'_>) -> Result<Grant, Wrong> {
        if token.len() > expected.bytes_max {
            return Err(Wrong::TooLong);
        }
        let parts = Parts::of(token)?;
        let header = parts.header()?;
        let key = self.named(header.kid.as_deref())?;
        if key.algorithm.name() != header.alg {
            return Err(Wrong::Algorithm);
        }
        if !key.has_signed(parts.signed.as_bytes(), &parts.signature) {
            return Err(Wrong::Signature);
        }
        claims::read(&parts.claims()?, expected)
    }

    /// The key of this name; the only one, for a token that names none.
    fn named(&self, id: Option<&str>) -> Result<&Key, Wrong> {
        match (id, &self.0[..]) {
            (Some(id), keys) => keys.iter().find(|key| &*key.id == id).ok_or(Wrong::Key),
            (None, [only]) => Ok(only),
            (None, _) => Err(Wrong::Key),
        }
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
