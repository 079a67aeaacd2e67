//! Whose the socket files are, and the program under CometServer's name however that is given to it.
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    stdout(&id).trim() == "0"
}

fn access(path: &Path) -> (u32, u32, u32) {
    let known = fs::symlink_metadata(path).expect("it is there");
    (known.uid(), known.gid(), known.permissions().mode() & 0o7777)
}

/// Numbers that are nobody's are as good as names; to give a file away takes root.
#[test]
fn owner_group_and_mode_are_set_at_the_start_and_by_a_reload() {
    let home = Home::new();
    let read = home.directory.join("read.sock");
    let said = |owner: &str, group: &str, mode: &str, read_mode: &str| {
        format!(
            "[server]\nfront = []\nadmin = []\n[control]\nmode = \"{mode}\"\nowner = \"{owner}\"\ngroup = \"{group}\"\n\
             read_path = \"{}\"\nread_mode = \"{read_mode}\"\n",
            read.display()
        )
    };
    let (own_uid, own_gid) = {
        let known = fs::metadata(&home.directory).expect("it is there");
        (known.uid(), known.gid())
    };
    let others = if is_root() { (65_001, 65_002) } else { (own_uid, own_gid) };
    let (owner, group) = (others.0.to_string(), others.1.to_string());
    let file = home.file("rcomet.toml", &said(&owner, &group, "620", "644"));
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    assert_eq!(access(&home.socket()), (others.0, others.1, 0o620));
    assert_eq!(access(&read), (others.0, own_gid, 0o644), "it has a group of its own to name");

    home.file("rcomet.toml", &said("", &group, "600", "640"));
    home.says(&["reload"]);
    assert_eq!(access(&home.socket()), (own_uid, others.1, 0o600), "no owner is named any more");
    assert_eq!(access(&read), (own_uid, own_gid, 0o640));

    // Refused as a whole: there is no such user, and the mode stays as well.
    home.file("rcomet.toml", &said("no-such-user-here", &group, "666", "666"));
    let refused = home.rcomet(&["reload"]);
    assert_eq!(code(&refused), 5);
    assert!(stderr(&refused).contains("there is no user no-such-user-here"), "{refused:?}");
    assert_eq!(access(&home.socket()).2, 0o600);
}

/// By descriptor, and not by name: what somebody else has put in the place of the socket is left alone.
#[test]
fn what_stands_in_the_place_of_the_socket_is_left_alone() {
    let home = Home::new();
    let said = |mode: &str| format!("[server]\nfront = []\nadmin = []\n[control]\nmode = \"{mode}\"\n");
    let file = home.file("rcomet.toml", &said("660"));
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    let pid = home.pid();
    let secret = home.file("secret", "of somebody else");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let aside = home.directory.join("aside.sock");
    fs::rename(home.socket(), &aside).expect("it is there");
    std::os::unix::fs::symlink(&secret, home.socket()).expect("a link");
    home.file("rcomet.toml", &said("666"));
    let aside_text = aside.display().to_string();
    let refused = home.rcomet(&["reload", "--socket", &aside_text]);
    assert_eq!(code(&refused), 5, "{refused:?}");
    assert_eq!(access(Path::new(&secret)).2, 0o600, "the link is not followed");
    assert_eq!(access(&aside).2, 0o660);
    home.says(&["stop", "--socket", &aside_text]);
    until("its end", || !lives(pid));
    assert!(fs::symlink_metadata(home.socket()).is_ok(), "what is another's is not removed");
}

/// A symbolic link, a hard link and a copy that are called Comet; and found by the search path, as `cometSrv` may have it.
#[test]
fn by_the_name_of_comet_it_does_what_comet_did() {
    for way in ["symbolic link", "hard link", "copy"] {
        let home = Home::new();
        // Beside the program: from where temporary files are nothing may be run on some machines.
        let name = format!("{}-{way}", home.directory.file_name().expect("a name").display());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory");
        let comet = directory.join("Comet");
        let program = env!("CARGO_BIN_EXE_rcomet");
        match way {
            "symbolic link" => std::os::unix::fs::symlink(program, &comet).expect("a link"),
            // Another file system cannot have a hard link: a copy is as good there.
            "hard link" if fs::hard_link(program, &comet).is_ok() => {}
            _ => copy(Path::new(program), &comet),
        }
        let run = |program: &Path, arguments: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .env("PATH", &directory)
                .env("RCOMET_CONTROL", home.socket())
                .env_remove("RCOMET_LOG")
                .stdin(Stdio::null());
            patience::output(&mut command)
        };
        assert_eq!(code(&run(&comet, &["start"])), 0, "{way}");
        let again = run(&comet, &["start"]);
        assert_eq!(code(&again), 7, "{way}: {again:?}");
        assert!(stderr(&again).contains("a daemon runs already, as process"), "{way}: {again:?}");
        assert_eq!(code(&run(&comet, &["write", "k", "hello+world"])), 0, "{way}");
        assert_eq!(stdout(&run(Path::new("Comet"), &["read", "k"])), "value: hello+world\n", "{way}");
        let status = run(&comet, &["status"]);
        assert_eq!(stdout(&status), format!("Server is running pid({})\n", home.pid()), "{way}");
        assert_eq!(code(&run(&comet, &["status", "--json"])), 0, "{way}: more words were no mistake");
        assert_eq!(code(&run(&comet, &["publish", "k", "v"])), 2, "{way}: it had no such command");
        assert_eq!(code(&run(&comet, &["stop"])), 0, "{way}");
        assert_eq!(code(&run(&comet, &["stop"])), 3, "{way}");
        fs::remove_dir_all(&directory).expect("it is there");
    }
}
