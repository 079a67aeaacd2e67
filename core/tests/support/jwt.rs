//! Tokens as an application signs them: HS256 with the secret of [`key`], or RS256 and ES256 with the keys in `tests/keys`.
#![allow(dead_code, reason = "each test file uses its own part")]
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcomet_core::config::TokenKey;
use rcomet_core::token::Algorithm;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The key that most tokens here are signed with.
pub fn key() -> TokenKey {
    TokenKey::shared("hs", SECRET)
}

/// All three.
pub fn keys() -> Vec<TokenKey> {
    vec![
        key(),
        TokenKey::public("rs", Algorithm::Rs256, include_bytes!("../keys/rs256.pub.pem")),
        TokenKey::public("es", Algorithm::Es256, include_bytes!("../keys/es256.pub.pem")),
    ]
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with these claims.
pub fn token(claims: &Value) -> String {
    let parts = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "hs"})), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), parts.as_bytes());
    format!("{parts}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token with these claims, signed by another algorithm.
pub fn token_by(algorithm: Algorithm, claims: &Value) -> String {
    let random = SystemRandom::new();
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        STANDARD.decode(body).expect("base64")
    };
    let parts =
        |kid: &str| format!("{}.{}", part(&json!({"alg": algorithm.name(), "kid": kid})), part(claims));
    match algorithm {
        Algorithm::Hs256 => token(claims),
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&der(include_str!("../keys/rs256.pem"))).expect("a key");
            let parts = parts("rs");
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, parts.as_bytes(), &mut signature).expect("it signs");
            format!("{parts}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
        Algorithm::Es256 => {
            let der = der(include_str!("../keys/es256.pem"));
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).expect("a key");
            let parts = parts("es");
            let signature = pair.sign(&random, parts.as_bytes()).expect("it signs");
            format!("{parts}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }
}

/// Claims that let these be done in channels of this pattern, until then.
pub fn claims(until_s: u64, pattern: &str, acts: &[&str]) -> Value {
    json!({"exp": until_s, "channels": [{"match": pattern, "do": acts}]})
}

/// A token with those.
pub fn granting(until_s: u64, pattern: &str, acts: &[&str]) -> String {
    token(&claims(until_s, pattern, acts))
}
