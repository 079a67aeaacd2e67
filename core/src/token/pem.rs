//! Public keys in PEM (RFC 7468): a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of an RSA key or of one on P-256, or the older
//! form of an RSA key alone (RFC 8017, appendix A.1.1).
//! Knows nothing of files. It reads what an administrator has written, and yet every length is checked.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::BadKey;

/// `1.2.840.113549.1.1.1`, rsaEncryption.
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `1.2.840.10045.2.1`, id-ecPublicKey.
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `1.2.840.10045.3.1.7`, prime256v1.
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;

/// Bytes of an RSA key's modulus: 2,048 bits at least (RFC 7518, section 3.3), 8,192 at most.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A public key, in the form in which it is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Public {
    /// An `RSAPublicKey` in DER.
    Rsa(Vec<u8>),
    /// A point, uncompressed.
    P256(Vec<u8>),
}

/// Whether these bytes are meant as PEM.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"-----BEGIN ").is_some()
}

/// The public key in a PEM file.
pub(super) fn public_key(bytes: &[u8]) -> Result<Public, BadKey> {
    let wrong = |why: &str| BadKey(why.into());
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("this is no PEM file: it is not text"))?;
    let begin = text
        .find("-----BEGIN ")
        .ok_or_else(|| wrong("this is no PEM file: expected -----BEGIN PUBLIC KEY-----"))?;
    let (label, rest) = text[begin + 11..].split_once("-----").unwrap_or_default();
    if label.ends_with("PRIVATE KEY") {
        return Err(wrong(
            "this is a private key: only the public one is wanted here, and the other should stay where it is",
        ));
    }
    let is_rsa_alone = label == "RSA PUBLIC KEY";
    if label != "PUBLIC KEY" && !is_rsa_alone {
        return Err(BadKey(format!("this is a {label}: expected a PUBLIC KEY")));
    }
    let (body, _) = rest
        .split_once("-----END ")
        .ok_or_else(|| wrong("this PEM file has no end: expected -----END PUBLIC KEY-----"))?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| wrong("this PEM file is not base64"))?;
    let key = if is_rsa_alone { rsa(&der) } else { info(&der) };
    key.ok_or_else(|| {
        wrong("this is no key that can be used: expected RSA of 2048 to 8192 bits, or an elliptic curve's on P-256")
    })
}

/// A SubjectPublicKeyInfo.
fn info(der: &[u8]) -> Option<Public> {
    let (info, rest) = take(SEQUENCE, der)?;
    let (kind, behind) = take(SEQUENCE, info)?;
    let (bits, end) = take(BIT_STRING, behind)?;
    let key = bits.strip_prefix(&[0])?;
    let (name, parameters) = take(OBJECT_ID, kind)?;
    if !rest.is_empty() || !end.is_empty() {
        return None;
    }
    match name {
        OID_RSA => rsa(key),
        OID_EC if take(OBJECT_ID, parameters)?.0 == OID_P256 && key.len() == 65 && key[0] == 4 => {
            Some(Public::P256(key.to_vec()))
        }
        _ => None,
    }
}

/// An RSAPublicKey: modulus and exponent.
fn rsa(der: &[u8]) -> Option<Public> {
    let (numbers, rest) = take(SEQUENCE, der)?;
    let (modulus, behind) = take(INTEGER, numbers)?;
    let (_, end) = take(INTEGER, behind)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let fits = rest.is_empty() && end.is_empty() && MODULUS_BYTES.contains(&modulus.len());
    fits.then(|| Public::Rsa(der.to_vec()))
}

/// The content of the element of this kind that comes next, and what stands behind it (X.690, section 8.1).
fn take(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 3))?;
            (bytes.iter().fold(0, |n, &byte| n << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC: &str = include_str!("../../tests/keys/es256.pub.pem");
    const RSA: &str = include_str!("../../tests/keys/rs256.pub.pem");
    const RSA_ALONE: &str = include_str!("../../tests/keys/rs256.pkcs1.pem");

    fn words(text: &str) -> String {
        public_key(text.as_bytes()).expect_err("no key").0
    }

    #[test]
    fn keys_are_read_in_both_forms() {
        assert!(matches!(public_key(EC.as_bytes()), Ok(Public::P256(point)) if point.len() == 65));
        let rsa = public_key(RSA.as_bytes()).expect("a key");
        assert!(matches!(&rsa, Public::Rsa(_)));
        assert_eq!(public_key(RSA_ALONE.as_bytes()), Ok(rsa), "the same key");
        let with_text = format!("# of the application\n{}", EC.replace('\n', "\r\n"));
        assert!(public_key(with_text.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_public_key_is_named() {
        assert!(words("").starts_with("this is no PEM file"));
        assert!(
            words("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----").contains("a private key")
        );
        assert!(words("-----BEGIN RSA PRIVATE KEY-----").contains("a private key"));
        assert_eq!(words("-----BEGIN CERTIFICATE-----"), "this is a CERTIFICATE: expected a PUBLIC KEY");
        assert!(words("-----BEGIN PUBLIC KEY-----\nAA==").contains("no end"));
        assert!(words("-----BEGIN PUBLIC KEY-----\n?\n-----END PUBLIC KEY-----").contains("not base64"));
        assert!(public_key(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn broken_bytes_end_in_words() {
        let der = |text: &str| {
            let body: String = text.lines().filter(|line| !line.starts_with("--")).collect();
            STANDARD.decode(body).expect("base64")
        };
        for whole in [der(EC), der(RSA)] {
            assert!(info(&whole).is_some());
            for end in 0..whole.len() {
                assert_eq!(info(&whole[..end]), None, "cut at {end}");
            }
            let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
            assert_eq!(info(&longer), None);
            for at in 0..whole.len() {
                for value in [0, 0x7f, 0x80, 0x81, 0x84, 0xff] {
                    let mut other = whole.clone();
                    other[at] = value;
                    let _ = info(&other);
                }
            }
        }
    }
}
