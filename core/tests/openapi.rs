//! `docs/openapi.yaml` and the server say the same: each path that is described is there, with the methods that are described and
//! no others, and each path that the server's sources name is described. `docs/api.md` and `docs/control.md` have them, too.
mod support;

use std::collections::{BTreeMap, BTreeSet};

use rcomet_core::{Config, Rights, Role};
use support::Server;

const YAML: &str = include_str!("../../docs/openapi.yaml");
/// Where paths of the API stand in the sources.
const SOURCES: [&str; 4] = [
    include_str!("../src/dialect/native/http.rs"),
    include_str!("../src/dialect/local/http.rs"),
    include_str!("../src/machine/metrics.rs"),
    include_str!("../src/machine/perform.rs"),
];
const PROSE: [&str; 3] = [
    include_str!("../../docs/api.md"),
    include_str!("../../docs/control.md"),
    include_str!("../../docs/websocket.md"),
];

/// The paths of the file, each with its methods.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let (_, rest) = YAML.split_once("\npaths:\n").expect("paths");
    let (paths, _) = rest.split_once("\ncomponents:\n").expect("components");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in paths.lines() {
        if let Some(path) = line.strip_prefix("  /") {
            current = format!("/{}", path.trim_end_matches(':'));
            all.entry(current.clone()).or_default();
        } else if let Some(word) = line.strip_prefix("    ").filter(|word| !word.starts_with(' ')) {
            let word = word.trim_end_matches(':');
            if ["get", "put", "post", "delete", "patch"].contains(&word) {
                all.get_mut(&current).expect("a path before").insert(word.to_uppercase());
            }
        }
    }
    assert!(all.len() > 15 && all.values().all(|methods| !methods.is_empty()), "{all:?}");
    all
}

/// The status of a request, and its `Allow`.
fn ask(server: &mut Server, role: Role, method: &str, path: &str) -> (u16, Option<BTreeSet<String>>) {
    let client = server.connect(role);
    let fields = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    server.send(client, format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{{}}"));
    let answer = server.received(client);
    server.vanish(client);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let allow = answer.lines().find_map(|line| line.strip_prefix("Allow: "));
    (status, allow.map(|methods| methods.trim().split(", ").map(str::to_owned).collect()))
}

/// The methods that a path has on some side, as the server says when it is asked by one that it has not; `None` if it is nowhere, or
/// does not say.
fn methods(server: &mut Server, path: &str, described: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let other = ["PUT", "DELETE", "POST", "GET"].into_iter().find(|method| !described.contains(*method))?;
    let sides = [Role::Front, Role::Admin, Role::Control(Rights::All)];
    let all: Vec<_> = sides.iter().filter_map(|role| ask(server, *role, other, path).1).collect();
    let mut methods: BTreeSet<String> = all.into_iter().flatten().collect();
    // Those that every path may have, and that need no description.
    methods.remove("HEAD");
    methods.remove("OPTIONS");
    (!methods.is_empty()).then_some(methods)
}

#[test]
fn each_path_that_is_described_is_there_with_its_methods() {
    let mut server = Server::new(Config::default());
    server.push("name", "x");
    let mut told = 0;
    for (path, described) in described() {
        let real = path.replace("{name}", "name").replace("{key}", "name");
        match methods(&mut server, &real, &described) {
            Some(got) => {
                assert_eq!(got, described, "{path}");
                told += 1;
            }
            // Those for machines say nothing to what they do not know; a WebSocket's wants to be upgraded.
            None => {
                let side = if path == "/ws" { Role::Front } else { Role::Admin };
                let of = |server: &mut Server, method| ask(server, side, method, &real).0;
                let statuses: Vec<u16> = described.iter().map(|method| of(&mut server, method)).collect();
                let wanted = if path == "/ws" { 426 } else { 200 };
                assert!(statuses.iter().all(|status| *status == wanted), "{path}: {statuses:?}");
            }
        }
    }
    assert!(told > 12, "{told} paths say what they have");
    let nothing = "/nothing/of/the/kind";
    assert_eq!(methods(&mut server, nothing, &BTreeSet::new()), None);
    assert_eq!(ask(&mut server, Role::Admin, "GET", nothing).0, 404);
}

#[test]
fn each_path_of_the_server_is_described() {
    let described = described();
    let mut found = BTreeSet::new();
    for source in SOURCES {
        for (at, _) in source.match_indices("b\"/") {
            let path = &source[at + 2..];
            let path = &path[..path.find('"').expect("the end of a string")];
            found.insert(path.to_owned());
        }
    }
    assert!(found.len() > 15, "{found:?}");
    for path in found {
        // The rest is a name, or stands before it.
        let is = |one: &&String| {
            one.as_str() == path
                || one.ends_with(&format!("}}{path}"))
                || path.ends_with('/') && one.starts_with(&path)
        };
        assert!(described.keys().any(|one| is(&one)), "{path} is not described");
    }
}

#[test]
fn the_prose_has_the_same_paths() {
    for path in described().keys() {
        let shown = path.split('{').next().unwrap_or_default();
        assert!(PROSE.iter().any(|text| text.contains(shown)), "{path} stands in no document");
    }
}
