//! The pid file: one daemon's at a time, also when several have the same directory.
use super::*;

#[test]
fn the_pid_file_of_a_living_daemon_is_left_to_it() {
    let home = Home::new();
    let pid_file = home.directory.join("one.pid");
    let path = pid_file.display().to_string();
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp", "--pid-file", &path])), 0);
    let pid = format!("{}\n", home.pid());
    let other = home.directory.join("other.sock").display().to_string();
    let second = home.rcomet(&["start", "--no-tcp", "--control", &other, "--pid-file", &path]);
    let wanted = format!("rcomet: another rcomet runs already: it has its number in {path}\n");
    assert_eq!((code(&second), stderr(&second)), (7, wanted));
    assert_eq!(fs::read_to_string(&pid_file).expect("it is there"), pid);
    assert_eq!(home.files(), ["control.sock", "one.pid"], "whoever was refused leaves nothing");
    home.says(&["stop"]);
    assert_eq!(home.files(), [""; 0]);

    // A typing error costs nobody a file.
    let notes = home.file("notes.txt", "not a number\n");
    let refused = home.rcomet(&["start", "--no-tcp", "--pid-file", &notes]);
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("is no pid file: expected a number in it"), "{refused:?}");
    assert_eq!(fs::read_to_string(&notes).expect("it is there"), "not a number\n");
}

#[test]
fn two_daemons_of_a_directory_have_a_pid_file_each() {
    let home = Home::running(&[]);
    let other = home.directory.join("second.sock").display().to_string();
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp", "--control", &other])), 0);
    assert_eq!(home.files(), ["control.sock", "rcomet.pid", "second.pid", "second.sock"]);
    home.says(&["stop", "--socket", &other]);
    assert_eq!(home.files(), ["control.sock", "rcomet.pid"], "each removes its own");
}
