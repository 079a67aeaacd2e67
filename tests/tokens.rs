//! Signed tokens against the real daemon: keys from files, changed while it runs, and an end that comes by the real clock.
mod daemon;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daemon::{Daemon, connect};
use ring::hmac;

const OLD: &str = "old-0123456789abcdef0123456789abcdef";
const NEW: &str = "new-0123456789abcdef0123456789abcdef";

/// A folder of its own, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("rcomet-tokens-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A token that is good for so many seconds and lets everything be read.
fn token(kid: &str, secret: &str, seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let rule = r#"{"match":"*","do":["subscribe","history"]}"#;
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let claims = format!("{{\"exp\":{},\"channels\":[{rule}]}}", now + seconds);
    let signed = format!("{}.{}", part(format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}")), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn status(front: SocketAddr, token: &str) -> u16 {
    let mut stream = connect(front);
    write!(
        stream,
        "GET /events?channel=a&wait=0 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    )
    .expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and an end");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[test]
fn keys_are_read_from_files_and_follow_one_another() {
    let folder = Folder::new();
    let (old, new) = (folder.write("old.key", &format!("{OLD}\n")), folder.write("new.key", NEW));
    let key = |id: &str, file: &str| {
        format!("[[token.keys]]\nid = \"{id}\"\nalgorithm = \"HS256\"\nsecret_file = \"{file}\"\n")
    };
    let head = "[token]\nrequired = true\nleeway_seconds = 0\nwarn_seconds = 1\n";
    let config = folder.write("rcomet.toml", &format!("{head}{}", key("old", &old)));
    let (mut daemon, front, _) = Daemon::start_anywhere(&["--config", &config]);
    let (by_old, by_new) = (token("old", OLD, 600), token("new", NEW, 600));
    assert_eq!((status(front, &by_old), status(front, &by_new), status(front, "")), (200, 401, 401));
    folder.write("rcomet.toml", &format!("{head}{}{}", key("old", &old), key("new", &new)));
    daemon.signal("HUP");
    daemon.says("the configuration has been read again");
    assert_eq!((status(front, &by_old), status(front, &by_new)), (200, 200));
    folder.write("rcomet.toml", &format!("{head}{}", key("new", "/no/such/file")));
    daemon.signal("HUP");
    let said = daemon.says("the configuration stays as it was");
    assert!(said.contains("token.keys[0]: `new`: cannot read /no/such/file"), "{said}");
    assert_eq!((status(front, &by_old), status(front, &by_new)), (200, 200));
    folder.write("rcomet.toml", &format!("{head}{}", key("new", &new)));
    daemon.signal("HUP");
    daemon.says("the configuration has been read again");
    assert_eq!((status(front, &by_old), status(front, &by_new)), (401, 200));

    // Its end, by the clock on the wall.
    let mut stream = connect(front);
    let short = token("new", NEW, 6);
    write!(stream, "GET /events?channel=a&token={short} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("it is taken");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("an end");
    let places = ["event: ready", "{\"type\":\"expiring\",\"in\":1}", "{\"type\":\"expired\"}"]
        .map(|words| heard.find(words));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{heard}");
    assert_eq!(status(front, &short), 401);
}
