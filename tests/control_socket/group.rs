//! A web server's user in the socket's group: what `adduser www-data rcomet` is for.
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

/// A user and a group that are nobody's.
const USER: &str = "--reuid=65534";
const OTHER_GROUP: &str = "--regid=65534";
const GROUP: &str = "65533";

#[test]
fn who_is_in_the_group_of_the_socket_writes_and_reads() {
    let home = Home::new();
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root || Command::new("setpriv").arg("--version").output().is_err() {
        return println!("only root can be somebody else");
    }
    fs::set_permissions(&home.directory, fs::Permissions::from_mode(0o755)).expect("to open it");
    let file = home.file(
        "rcomet.toml",
        &format!("[server]\nfront = []\nadmin = []\n[control]\ngroup = \"{GROUP}\"\nmode = \"660\"\n"),
    );
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    let socket = home.socket().display().to_string();
    let asks = |groups: &str, more: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([
            USER,
            OTHER_GROUP,
            groups,
            "curl",
            "-sS",
            "--unix-socket",
            &socket,
            "http://localhost/keys/order",
        ]);
        patience::output(command.args(more).stdin(Stdio::null()))
    };
    let member = format!("--groups={GROUP}");
    let written = asks(&member, &["-X", "PUT", "-d", "paid"]);
    assert!(stdout(&written).starts_with("{\"version\":"), "{written:?}");
    assert!(stdout(&asks(&member, &[])).contains("\"value\":\"paid\""));
    let stranger = asks("--clear-groups", &["-X", "PUT", "-d", "stolen"]);
    assert!(!stranger.status.success() && stdout(&stranger).is_empty(), "{stranger:?}");
    assert_eq!(home.says(&["read", "order"]), "paid");
}
