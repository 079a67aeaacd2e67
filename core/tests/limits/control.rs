//! Limits of the control socket.
use rcomet_core::Rights;

use super::*;

const CONTROL: Role = Role::Control(Rights::All);

#[test]
fn command_bytes_max() {
    let mut server = with(|l| l.command_bytes_max = 64);
    let said = "error refused the command is longer than command_bytes_max\n";
    let (fits, answer) = asks(&mut server, CONTROL, format!("write a {}\n", "x".repeat(55)));
    assert!(answer.starts_with("ok ") && !server.is_shut(fits), "{answer}");
    for too_long in
        [format!("write a {}\n", "x".repeat(56)), format!("write a {} \0", "x".repeat(60)), "x".repeat(65)]
    {
        let (client, answer) = asks(&mut server, CONTROL, too_long);
        assert_eq!(answer, said);
        assert!(server.is_shut(client), "nobody knows where the next one begins");
    }
    assert_eq!(moved(&mut server, |c| c.commands_too_long), 3);
    let (_, answer) = asks(
        &mut server,
        CONTROL,
        format!("GET /keys/{}?since=0 HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100)),
    );
    assert_eq!(status(&answer), "200", "HTTP has limits of its own");
    assert_eq!(moved(&mut server, |c| c.commands), 1);
}

#[test]
fn dump_bytes_max() {
    let mut server = with(|l| l.dump_bytes_max = 500);
    for i in 0..10 {
        asks(&mut server, CONTROL, format!("write key{i} {}\n", "x".repeat(100)));
    }
    let (_, answer) = asks(&mut server, CONTROL, "dump\n");
    assert!(answer.ends_with("\nok 2 1\n"), "how it goes on is said: {answer}");
    let (_, answer) = asks(&mut server, CONTROL, "dump 1\n");
    assert!(answer.starts_with("key 2 ") && answer.ends_with("\nok 2 3\n"), "{answer}");
    let (_, answer) = asks(&mut server, CONTROL, "dump 7\n");
    assert!(answer.starts_with("key 8 ") && answer.ends_with("\nok 2\n"), "{answer}");
    assert_eq!(moved(&mut server, |c| c.dumps_cut), 2);
    let (_, answer) = asks(&mut server, CONTROL, "dump \0");
    assert_eq!(answer.matches("* index").count(), 2);
    let mut server = with(|l| l.dump_bytes_max = 1);
    asks(&mut server, CONTROL, format!("write key {}\n", "x".repeat(100)));
    let (_, answer) = asks(&mut server, CONTROL, "dump\n");
    assert!(answer.ends_with("\nok 1\n"), "at least one: {answer}");
}
