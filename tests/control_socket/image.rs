//! The daemon as packaging/docker/Dockerfile has it run: its configuration, an environment with nothing in it but where the control
//! socket is, and the words of its health check. The image itself is not built here.
use super::*;

const DOCKERFILE: &str = include_str!("../../packaging/docker/Dockerfile");

/// The words in brackets behind an instruction, such as `CMD ["run", "--config"]`.
fn words(instruction: &str) -> Vec<String> {
    let line = DOCKERFILE.lines().find_map(|line| line.strip_prefix(instruction)).expect("it is there");
    serde_json::from_str(&line[line.find('[').expect("words")..]).expect("a list of words")
}

#[test]
fn the_daemon_runs_as_the_image_says() {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // From where the file is copied to where it is copied.
    let copied =
        DOCKERFILE.lines().find(|line| line.starts_with("COPY packaging/")).expect("the configuration");
    let [_, from, to] = copied.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{copied}") };
    let config = root.join(from).display().to_string();
    let checked = home.rcomet(&["check-config", &config]);
    assert_eq!((code(&checked), stderr(&checked)), (0, String::new()));
    let (entry, command) = (words("ENTRYPOINT"), words("CMD"));
    assert_eq!(entry, ["/rcomet"]);
    assert_eq!(words("HEALTHCHECK"), ["/rcomet", "status"]);
    let command: Vec<&str> = command.iter().map(|word| if word == to { &*config } else { word }).collect();
    assert!(command.contains(&&*config), "{command:?}");

    let of = |words: &[&str]| {
        let mut command = home.command(words);
        command.env_clear().env("RCOMET_CONTROL", home.socket());
        command
    };
    assert!(DOCKERFILE.contains("\nENV RCOMET_CONTROL=/run/rcomet/control.sock\n"));
    // Its ports may be somebody's here.
    let ports = ["--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut daemon = of(&[&command[..], &ports].concat()).stderr(Stdio::null()).spawn().expect("it starts");
    let is_healthy = || code(&patience::output(&mut of(&["status"]))) == 0;
    until("it is healthy", is_healthy);
    assert!(DOCKERFILE.contains("\nSTOPSIGNAL SIGTERM\n"));
    signal("TERM", daemon.id());
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
    assert!(!is_healthy(), "it has gone");
}
