//! `Comet start`: as CometServer's, it opens a socket file and no port, so everybody on a machine can have one.
use super::life::listening_ports;
use super::*;

#[test]
fn two_that_were_started_as_comet_run_side_by_side() {
    let homes = [Home::new(), Home::new()];
    for home in &homes {
        let started = home.rcomet(&["--comet", "start"]);
        assert_eq!((code(&started), stderr(&started)), (0, String::new()));
        assert_eq!(listening_ports(home.pid()), 0, "no port is open");
    }
    for (home, value) in homes.iter().zip(["one", "two"]) {
        home.says(&["--comet", "write", "k", value]);
    }
    for (home, value) in homes.iter().zip(["one", "two"]) {
        assert_eq!(home.says(&["--comet", "read", "k"]), format!("value: {value}\n"));
    }
    for home in &homes {
        let pid = home.pid();
        assert_eq!(home.says(&["--comet", "stop"]), "Stopping server\n");
        assert!(!lives(pid), "it waits for the end");
    }
}
