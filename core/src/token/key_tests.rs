//! Keys and whole tokens: the examples of the standards, and what attackers send.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;

use super::*;
use crate::token::Act;

/// What all examples of RFC 7515, appendix A, sign.
const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// Appendix A.1.
const HS256: [&str; 3] = [
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
];
/// Appendix A.2: the modulus.
const RS256: [&str; 3] = [
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs\
     D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV\
     MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ\
     jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHW\
     EsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
];
/// Appendix A.3: the two coordinates, one behind the other.
const ES256: [&str; 4] = [
    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "eyJhbGciOiJFUzI1NiJ9",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
];

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const EC_PEM: &[u8] = include_bytes!("../../tests/keys/es256.pub.pem");
const RSA_PEM: &[u8] = include_bytes!("../../tests/keys/rs256.pub.pem");

fn expected(now_s: u64) -> Expected<'static> {
    Expected { now_s, leeway_s: 0, issuer: None, audience: None, bytes_max: 4_096, rules_max: 100 }
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into_bytes()
}

/// A token with these parts, signed by the secret.
fn signed(header: &str, claims: &str) -> String {
    let parts = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), parts.as_bytes());
    format!("{parts}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn shared() -> Keys {
    Keys::new(vec![Key::new("a", Algorithm::Hs256, SECRET).expect("a key")])
}

/// The examples are good until 2011, and name an issuer; what they allow is nothing.
fn is_joes(key: Key, token: &str) {
    let keys = Keys::new(vec![key]);
    let joe = Expected { issuer: Some("joe"), ..expected(1_300_819_379) };
    let grant = keys.verify(token, &joe).expect("the standard says that it is right");
    assert_eq!((grant.until_s, grant.rules.len()), (1_300_819_380, 0));
    assert_eq!(keys.verify(token, &expected(1_300_819_380)), Err(Wrong::Expired));
    assert_eq!(keys.verify(token, &Expected { issuer: Some("ann"), ..joe }), Err(Wrong::Issuer));
    // No byte of it can be another, but for one that stands for the same.
    for (at, byte) in token.bytes().enumerate() {
        let mut other = token.as_bytes().to_vec();
        other[at] = if byte == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).expect("ASCII");
        assert!(keys.verify(&other, &joe).is_err(), "byte {at}");
    }
}

#[test]
fn the_examples_of_the_standard_are_right() {
    let [secret, header, signature] = HS256;
    let key = Key::new("", Algorithm::Hs256, &bytes(secret)).expect("a key");
    is_joes(key, &format!("{header}.{JOE}.{signature}"));
    let [modulus, header, signature] = RS256;
    let modulus = bytes(modulus);
    // RSAPublicKey: a sequence of the modulus, with a zero before its first bit, and of 65537.
    let der =
        [&[0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0][..], &modulus, &[0x02, 0x03, 1, 0, 1]].concat();
    let key = Key::new("", Algorithm::Rs256, &pem("RSA PUBLIC KEY", &der)).expect("a key");
    is_joes(key, &format!("{header}.{JOE}.{signature}"));
    let [x, y, header, signature] = ES256;
    let before = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let before: Vec<u8> = (0..before.len() / 2)
        .map(|i| u8::from_str_radix(&before[2 * i..2 * i + 2], 16).expect("hex"))
        .collect();
    let der = [before, vec![4], bytes(x), bytes(y)].concat();
    let key = Key::new("", Algorithm::Es256, &pem("PUBLIC KEY", &der)).expect("a key");
    is_joes(key, &format!("{header}.{JOE}.{signature}"));
}

#[test]
fn keys_follow_one_another() {
    let other = b"ffffffffffffffffffffffffffffffff";
    let keys = |ids: [&str; 2]| {
        let [a, b] = ids;
        let secrets = [(a, SECRET), (b, &other[..])];
        Keys::new(secrets.map(|(id, secret)| Key::new(id, Algorithm::Hs256, secret).expect("a key")).into())
    };
    let claims = r#"{"exp":2000,"channels":[{"match":"a","do":["publish"]}]}"#;
    let named = signed(r#"{"alg":"HS256","kid":"old"}"#, claims);
    assert!(
        keys(["old", "new"]).verify(&named, &expected(9)).expect("it is right").allows(Act::Publish, "a")
    );
    assert_eq!(keys(["older", "new"]).verify(&named, &expected(9)), Err(Wrong::Key), "it has been withdrawn");
    assert_eq!(
        keys(["new", "old"]).verify(&named, &expected(9)),
        Err(Wrong::Signature),
        "another has its name"
    );
    let nameless = signed(r#"{"alg":"HS256"}"#, claims);
    assert!(shared().verify(&nameless, &expected(9)).is_ok(), "there is only one");
    assert_eq!(keys(["a", "b"]).verify(&nameless, &expected(9)), Err(Wrong::Key));
    assert_eq!(Keys::default().verify(&nameless, &expected(9)), Err(Wrong::Key));
}

#[test]
fn the_header_does_not_choose_how_it_is_verified() {
    let claims = r#"{"exp":2000,"channels":[{"match":"*","do":["publish"]}]}"#;
    let verify = |keys: &Keys, token: &str| keys.verify(token, &expected(9)).map(|_| ());
    for alg in ["none", "None", "NONE", "", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"] {
        let header = format!("{{\"alg\":\"{alg}\",\"kid\":\"a\"}}");
        assert_eq!(verify(&shared(), &signed(&header, claims)), Err(Wrong::Algorithm), "{alg}");
        let unsigned = signed(&header, claims);
        let unsigned = &unsigned[..=unsigned.rfind('.').expect("a dot")];
        assert_eq!(verify(&shared(), unsigned), Err(Wrong::Algorithm), "{alg}, without a signature");
    }
    // What is public for one algorithm is no secret for another.
    for (pem, algorithm) in [(RSA_PEM, Algorithm::Rs256), (EC_PEM, Algorithm::Es256)] {
        let keys = Keys::new(vec![Key::new("a", algorithm, pem).expect("a key")]);
        let parts = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"a"}"#),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pem), parts.as_bytes());
        let token = format!("{parts}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(verify(&keys, &token), Err(Wrong::Algorithm));
        let header = format!("{{\"alg\":\"{}\"}}", algorithm.name());
        assert_eq!(verify(&keys, &signed(&header, claims)), Err(Wrong::Signature));
        // No signature at all, and one of zeros (CVE-2022-21449).
        for signature in ["", &URL_SAFE_NO_PAD.encode([0; 64]), &URL_SAFE_NO_PAD.encode([0; 256])] {
            let token =
                format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(claims));
            assert_eq!(verify(&keys, &token), Err(Wrong::Signature), "{signature}");
        }
    }
    // A key that a token brings along is not its key.
    let header = r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://x/","x5u":"https://x/","kid":"../../dev/null"}"#;
    assert_eq!(verify(&shared(), &signed(header, claims)), Err(Wrong::Key));
    assert_eq!(verify(&shared(), &signed(r#"{"alg":"HS256","crit":["exp"]}"#, claims)), Err(Wrong::Critical));
    assert_eq!(
        verify(&shared(), &signed(r#"{"alg":"HS256","crit":null}"#, claims)),
        Ok(()),
        "it names nothing"
    );
}

#[test]
fn what_has_not_the_form_of_a_token_is_refused() {
    let good = signed(r#"{"alg":"HS256"}"#, r#"{"exp":2000}"#);
    let verify = |token: &str| shared().verify(token, &expected(9)).map(|_| ());
    assert_eq!(verify(&good), Ok(()));
    let [header, claims, tag]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let no_object = Wrong::Claims("the token's claims are not as expected: a JSON object");
    let unreadable = Wrong::Claims(
        "the token's claims are not as expected: JSON, with whole characters, numbers below 1.8e308 and fewer than 128 levels",
    );
    for (token, wrong) in [
        (String::new(), Wrong::Form),
        (".".into(), Wrong::Form),
        ("..".into(), Wrong::Form),
        ("a.b".into(), Wrong::Form),
        (format!("{good}."), Wrong::Form),
        (format!(".{good}"), Wrong::Form),
        (format!("{header}.{claims}.{tag}.{tag}.{tag}"), Wrong::Form),
        (format!("{good}="), Wrong::Form),
        (format!("{header}=.{claims}.{tag}"), Wrong::Form),
        (format!("{good} "), Wrong::Form),
        (format!(" {good}"), Wrong::Form),
        (format!("{header}.{claims}.{}", tag.replace(['-', '_'], "+")), Wrong::Signature),
        (format!("{header}.{claims}."), Wrong::Signature),
        (format!("{header}.{claims}.{}", &tag[..40]), Wrong::Signature),
        (format!("{header}.{}.{tag}", URL_SAFE_NO_PAD.encode("{\"exp\":3000}")), Wrong::Signature),
        (signed("{", "{}"), Wrong::Form),
        (signed("[\"HS256\"]", "{\"exp\":2000}"), Wrong::Form),
        (signed("{\"alg\":7}", "{\"exp\":2000}"), Wrong::Form),
        (signed("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{\"exp\":2000}"), Wrong::Form),
        (signed("{\"kid\":\"a\"}", "{\"exp\":2000}"), Wrong::Form),
        (signed(&format!("{{\"alg\":\"HS256\",\"x\":{}", "[".repeat(2_000)), "{}"), Wrong::Form),
        (signed("{\"alg\":\"HS256\"}", r#"{"exp":2000,"sub":"\ud800"}"#), unreadable),
        (signed("{\"alg\":\"HS256\"}", r#"{"exp":1e400}"#), unreadable),
        (
            signed(
                "{\"alg\":\"HS256\"}",
                &format!(r#"{{"exp":"soon","x":{}{}}}"#, "[".repeat(128), "]".repeat(128)),
            ),
            unreadable,
        ),
        (signed("{\"alg\":\"HS256\"}", &"[".repeat(2_000)), no_object),
        (signed("{\"alg\":\"HS256\"}", "[null,null,null,2000]"), no_object),
        ("x.".repeat(3_000), Wrong::TooLong),
    ] {
        match verify(&token) {
            // A signature in another alphabet may have none of the letters that differ.
            Err(Wrong::Form) if wrong == Wrong::Signature && token.contains('+') => {}
            refused => assert_eq!(refused, Err(wrong), "{token}"),
        }
    }
    // The last letter of a part has bits to spare: only one of the letters that it could be is right.
    let last = tag.chars().last().expect("a letter");
    let others = ('a'..='z').chain('A'..='Z').chain('0'..='9').filter(|c| *c != last);
    for other in others {
        assert!(verify(&format!("{header}.{claims}.{}{other}", &tag[..tag.len() - 1])).is_err(), "{other}");
    }
}

#[test]
fn claims_are_not_looked_at_before_the_signature() {
    // Were they, these would be refused for something else.
    for claims in ["", "x", r#"{"exp":1}"#, r#"{"nbf":9999}"#, "{}"] {
        let token = signed(r#"{"alg":"HS256"}"#, claims);
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([1; 32]));
        assert_eq!(shared().verify(&token, &expected(9)), Err(Wrong::Signature), "{claims}");
    }
}
