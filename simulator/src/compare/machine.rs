//! What a figure was measured on, and with.
use std::fs;
use std::path::Path;
use std::process::Command;

use super::servers::Shop;

/// (what, which) of the machine and of every program, as far as they say.
pub fn describe(shop: &Shop) -> Vec<(String, String)> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let memory = memory.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    let virtual_machine = if cpuinfo.contains(" hypervisor") { ", a virtual machine" } else { "" };
    let mut list = vec![
        (
            "processor",
            Some(format!("{}, {cores} cores{virtual_machine}", field("model name").unwrap_or_default())),
        ),
        ("memory", Some(format!("{:.1} GiB", memory / f64::from(1 << 20)))),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease").ok()),
        ("rustc", says(Command::new("rustc").arg("--version"))),
        ("rcomet", says(Command::new(shop.rcomet()).arg("--version"))),
        ("nginx", says(Command::new("nginx").arg("-v"))),
        ("Nchan", says(Command::new("dpkg-query").args(["-W", "libnginx-mod-nchan"]))),
        ("Node", says(Command::new("node").arg("--version"))),
        ("Faye", faye(shop.peers())),
    ];
    list.retain(|(_, version)| version.is_some());
    list.into_iter()
        .map(|(name, version)| (name.to_owned(), version.unwrap_or_default().trim().to_owned()))
        .collect()
}

/// The commit of the working tree, and whether anything differs from it but what comparisons write there themselves. To be asked
/// before anything is written.
pub fn commit() -> String {
    let Some(name) = says(Command::new("git").args(["describe", "--always"])) else {
        return "no commit".to_owned();
    };
    let mut differs = Command::new("git");
    differs.args(["diff", "--quiet", "HEAD", "--", ":(top)"]);
    differs.args([":(top,exclude)benches/RESULTS.md", ":(top,exclude)benches/RESULTS.json"]);
    let clean = differs.status().is_ok_and(|status| status.success());
    if clean { name } else { format!("{name}-dirty") }
}

fn says(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    // nginx says its version on the other channel.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" "))
}

fn faye(peers: &Path) -> Option<String> {
    let text = fs::read_to_string(peers.join("node_modules/faye/package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(package["version"].as_str()?.to_owned())
}
