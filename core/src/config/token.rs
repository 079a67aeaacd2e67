//! `[token]`: keys that tokens are signed with, and who has to show one.
//! Knows nothing of files: whoever reads the configuration hands over what is in them.
use std::fmt;

use serde::Deserialize;

use crate::token::{Algorithm, BadKey, Key, Keys};

/// The longest name of a key.
const ID_BYTES_MAX: usize = 255;

/// `[token]`: signed tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Whether the public sides are closed to those who show none: nothing is read without one, and nothing published.
    pub required: bool,
    /// Seconds by which the clocks of this machine and of the one that signs may differ.
    pub leeway_seconds: u64,
    /// Seconds before its end at which a token's bearer is told that it expires; at most half of the time that it was good for when it
    /// was shown.
    pub warn_seconds: u64,
    /// The issuer that every token must name (`iss`); empty for any.
    pub issuer: String,
    /// The audience that every token must be for (`aud`); empty for any.
    pub audience: String,
    /// The keys. Two at a time let one follow the other.
    pub keys: Vec<TokenKey>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            required: false,
            leeway_seconds: 5,
            warn_seconds: 30,
            issuer: String::new(),
            audience: String::new(),
            keys: Vec::new(),
        }
    }
}

/// `[[token.keys]]`: one key, and where it is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// Its name, which tokens say (`kid`).
    pub id: String,
    /// `HS256`, `RS256` or `ES256`: what it is for, and nothing else.
    pub algorithm: Algorithm,
    /// The secret of an HS256 key.
    #[serde(default)]
    pub secret: String,
    /// The file that it stands in, instead.
    #[serde(default)]
    pub secret_file: String,
    /// The file that the public key of RS256 or ES256 stands in, in PEM.
    #[serde(default)]
    pub public_key_file: String,
    /// What is in the file.
    #[serde(skip)]
    pub content: Option<Vec<u8>>,
}

/// A secret is not written anywhere.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// An HS256 key.
    pub fn shared(id: &str, secret: &str) -> Self {
        Self {
            id: id.into(),
            algorithm: Algorithm::Hs256,
            secret: secret.into(),
            secret_file: String::new(),
            public_key_file: String::new(),
            content: None,
        }
    }

    /// A key in PEM.
    pub fn public(id: &str, algorithm: Algorithm, pem: &[u8]) -> Self {
        let content = Some(pem.to_vec());
        Self { algorithm, content, public_key_file: "memory".into(), ..Self::shared(id, "") }
    }

    /// The file that the key stands in, if it does.
    pub fn file(&self) -> Option<&str> {
        [&self.secret_file, &self.public_key_file]
            .into_iter()
            .map(String::as_str)
            .find(|file| !file.is_empty())
    }

    fn key(&self) -> Result<Key, BadKey> {
        let wrong = |why: &str| Err(BadKey(why.into()));
        let places = [&self.secret, &self.secret_file, &self.public_key_file];
        if places.iter().filter(|place| !place.is_empty()).count() != 1 {
            return wrong("expected one of secret, secret_file and public_key_file");
        }
        if self.public_key_file.is_empty() != (self.algorithm == Algorithm::Hs256) {
            return wrong("HS256 has a secret or a secret_file, RS256 and ES256 a public_key_file");
        }
        match (&self.content, &*self.secret) {
            (Some(content), "") => {
                // Editors end a file with a line end, which is no part of the secret.
                let content = match content.strip_suffix(b"\n") {
                    Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
                    None => content,
                };
                Key::new(&self.id, self.algorithm, content)
            }
            (None, "") => wrong("its file has not been read"),
            (_, secret) => Key::new(&self.id, self.algorithm, secret.as_bytes()),
        }
    }
}

impl Tokens {
    /// The keys, ready for use; those that cannot be used are left out, and [`Tokens::check`] names them.
    pub fn keys(&self) -> Keys {
        Keys::new(self.keys.iter().filter_map(|key| key.key().ok()).collect())
    }

    /// Reads the files that keys stand in.
    ///
    /// # Errors
    /// What `read` says of the first that cannot be read, and of which key it is.
    pub fn load(&mut self, read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<(), String> {
        for (i, key) in self.keys.iter_mut().enumerate() {
            if let Some(file) = key.file() {
                let content = read(file).map_err(|why| format!("token.keys[{i}]: `{}`: {why}", key.id))?;
                key.content = Some(content);
            }
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for (i, key) in self.keys.iter().enumerate() {
            if key.id.is_empty() || key.id.len() > ID_BYTES_MAX {
                return Err(format!("token.keys[{i}].id: it is empty, or too long"));
            }
            if self.keys[..i].iter().any(|other| other.id == key.id) {
                return Err(format!("token.keys[{i}].id: there are two keys with the id `{}`", key.id));
            }
            key.key().map_err(|why| format!("token.keys[{i}]: `{}`: {why}", key.id))?;
        }
        if self.required && self.keys.is_empty() {
            return Err("token.required = true, but there are no token.keys: nobody could get in".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC: &[u8] = include_bytes!("../../tests/keys/es256.pub.pem");
    const RSA: &[u8] = include_bytes!("../../tests/keys/rs256.pub.pem");
    const SMALL: &[u8] = include_bytes!("../../tests/keys/rsa1024.pub.pem");

    fn words(key: TokenKey) -> String {
        Tokens { keys: vec![key], ..Tokens::default() }.check().expect_err("it cannot be used")
    }

    #[test]
    fn keys_are_checked() {
        let good = [
            TokenKey::shared("a", &"x".repeat(32)),
            TokenKey::public("b", Algorithm::Es256, EC),
            TokenKey::public("c", Algorithm::Rs256, RSA),
        ];
        assert_eq!(Tokens { keys: good.to_vec(), ..Tokens::default() }.check(), Ok(()));
        assert!(words(TokenKey::shared("a", "short")).contains("`a`: the secret has 5 bytes"));
        assert!(words(TokenKey::shared("", "x")).contains("it is empty, or too long"));
        assert!(words(TokenKey::shared("a", "")).contains("expected one of secret"));
        assert!(words(TokenKey::public("a", Algorithm::Hs256, EC)).contains("HS256 has a secret"));
        assert!(
            words(TokenKey { algorithm: Algorithm::Rs256, ..good[0].clone() }).contains("HS256 has a secret")
        );
        assert!(words(TokenKey::public("a", Algorithm::Es256, RSA)).contains("it is for RS256"));
        assert!(words(TokenKey::public("a", Algorithm::Rs256, EC)).contains("it is for ES256"));
        assert!(words(TokenKey::public("a", Algorithm::Rs256, SMALL)).contains("2048"));
        // A public key as a secret would let everybody sign.
        let mut confused = TokenKey { secret_file: "key.pem".into(), ..TokenKey::shared("a", "") };
        assert!(words(confused.clone()).contains("has not been read"));
        confused.content = Some(RSA.to_vec());
        assert!(words(confused).contains("this is a PEM file"));
        let twice = Tokens { keys: vec![good[0].clone(), good[0].clone()], ..Tokens::default() };
        assert!(twice.check().expect_err("two").contains("two keys with the id `a`"));
        let none = Tokens { required: true, ..Tokens::default() };
        assert!(none.check().expect_err("no keys").contains("nobody could get in"));
    }

    #[test]
    fn files_are_read_and_secrets_not_shown() {
        let mut tokens = Tokens::default();
        tokens.keys.push(TokenKey { secret_file: "s".into(), ..TokenKey::shared("a", "") });
        let refused = tokens.load(|file| Err(format!("cannot read {file}"))).expect_err("no such file");
        assert_eq!(refused, "token.keys[0]: `a`: cannot read s");
        let secret = "0123456789abcdef0123456789abcde";
        tokens.load(|_| Ok(format!("{secret}\r\n").into_bytes())).expect("it is there");
        assert!(
            tokens.check().expect_err("a byte is missing").contains("has 31 bytes"),
            "the line end is no part"
        );
        tokens.load(|_| Ok(format!("{secret}f\n").into_bytes())).expect("it is there");
        assert_eq!(tokens.check(), Ok(()));
        assert!(!format!("{tokens:?}").contains(secret));
    }
}
