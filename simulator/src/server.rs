//! What a server uses, as /proc tells it: processor time, memory, and the kernel's memory for sockets.
//! Knows nothing of what the server does.
use std::fs;

use serde::{Deserialize, Serialize};

/// What a tick is on Linux, whatever the kernel's own clock does.
const TICK_NS: u64 = 10_000_000;

/// Processes that are watched, and with them all that they have started.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pids: Vec<u32>,
}

/// A look at a server's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident, the shared part divided among those who share it (PSS).
    pub proportional_bytes: u64,
    /// Resident (RSS).
    pub resident_bytes: u64,
    /// What the kernel holds for TCP, of the whole machine: both ends of every connection.
    pub kernel_tcp_bytes: u64,
    /// What the kernel holds in its tables (slab), of the whole machine and for everything: sockets are in there.
    pub kernel_slab_bytes: u64,
}

impl Server {
    /// Watches these and their children.
    pub fn new(pids: Vec<u32>) -> Self {
        Self { pids }
    }

    /// Whether there is anything to watch.
    pub fn is_watched(&self) -> bool {
        !self.pids.is_empty()
    }

    /// The first of the processes that is not there, or not alive.
    pub fn missing(&self) -> Option<u32> {
        self.pids.iter().copied().find(|pid| !is_alive(&read(&format!("/proc/{pid}/stat"))))
    }

    /// How many descriptors the processes may have, each: the least of what is known.
    pub fn descriptors(&self) -> Option<u64> {
        let of = |pid: &u32| open_files(&read(&format!("/proc/{pid}/limits")));
        self.pids.iter().filter_map(of).min()
    }

    /// Nanoseconds on a processor since `before`, which is what [`Self::cpu_ns`] was. `None` where nothing is watched, or where a
    /// process has ended since: what it took is not known any more.
    pub fn cpu_since(&self, before: u64) -> Option<u64> {
        if !self.is_watched() || self.missing().is_some() {
            return None;
        }
        self.cpu_ns().checked_sub(before)
    }

    /// Nanoseconds on a processor until now. The scheduler's own count: the usual one moves in steps of 10 ms.
    pub fn cpu_ns(&self) -> u64 {
        let mut sum = 0;
        self.visit(&mut |pid| {
            for task in entries(&format!("/proc/{pid}/task")) {
                let task = format!("/proc/{pid}/task/{task}");
                let exact = read(&format!("{task}/schedstat"));
                let exact = exact.split(' ').next().and_then(|word| word.parse::<u64>().ok());
                // Not every kernel has that count, or shows it.
                sum += exact
                    .filter(|ns| *ns > 0)
                    .unwrap_or_else(|| ticks(&read(&format!("{task}/stat"))) * TICK_NS);
            }
        });
        sum
    }

    /// Its memory now.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            kernel_tcp_bytes: kernel_tcp_bytes(),
            kernel_slab_bytes: kilobytes(&read("/proc/meminfo"), "Slab:") * 1024,
            ..Memory::default()
        };
        self.visit(&mut |pid| {
            let text = read(&format!("/proc/{pid}/smaps_rollup"));
            let (mut resident, mut proportional) = (kilobytes(&text, "Rss:"), kilobytes(&text, "Pss:"));
            if resident == 0 {
                // Not every kernel has that file: then what is shared counts whole.
                resident = kilobytes(&read(&format!("/proc/{pid}/status")), "VmRSS:");
                proportional = resident;
            }
            memory.resident_bytes += resident * 1024;
            memory.proportional_bytes += proportional * 1024;
        });
        memory
    }

    fn visit(&self, see: &mut impl FnMut(u32)) {
        for &pid in &self.pids {
            visit(pid, see);
        }
    }
}

fn visit(pid: u32, see: &mut impl FnMut(u32)) {
    see(pid);
    for task in entries(&format!("/proc/{pid}/task")) {
        for child in read(&format!("/proc/{pid}/task/{task}/children")).split_whitespace() {
            if let Ok(child) = child.parse() {
                visit(child, see);
            }
        }
    }
}

fn kernel_tcp_bytes() -> u64 {
    let text = read("/proc/net/sockstat");
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages = line.split(' ').skip_while(|&word| word != "mem").nth(1);
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Ticks on a processor, of the program and of the kernel for it: the 14th and 15th field (proc(5)). The name in the second may
/// have anything in it.
fn ticks(stat: &str) -> u64 {
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(14 - 3).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Whether this line of a process says that it is neither gone nor ended and only waited for.
fn is_alive(stat: &str) -> bool {
    let state = stat.rsplit(')').next().unwrap_or_default().split_whitespace().next();
    state.is_some_and(|state| !matches!(state, "Z" | "X" | "x"))
}

/// The soft limit of open files in a process' limits.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(text: &str, field: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn entries(directory: &str) -> Vec<String> {
    let Ok(list) = fs::read_dir(directory) else { return Vec::new() };
    list.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn work_and_memory_of_this_process_are_seen() {
        let own = Server::new(vec![std::process::id()]);
        assert_eq!(own.missing(), None);
        let (cpu, before) = (own.cpu_ns(), own.memory());
        let start = clock::now();
        let mut held = vec![1u8; 64 << 20];
        while clock::now() - start < 100 * clock::MILLISECOND {
            held.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        }
        let used = own.cpu_ns() - cpu;
        assert!(used > 20 * clock::MILLISECOND, "it used {used} ns");
        // Other tests of this process may give some back meanwhile.
        let grown = own.memory().resident_bytes.saturating_sub(before.resident_bytes);
        assert!(grown > 30 << 20, "it grew by {grown} bytes");
        assert!(held[0] > 0);
        assert_eq!(Server::new(vec![u32::MAX]).missing(), Some(u32::MAX));
        assert!(own.cpu_since(cpu) >= Some(used));
        assert!(own.descriptors() > Some(2));
    }

    #[test]
    fn what_a_process_took_that_has_ended_is_not_known() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("it starts");
        let watched = Server::new(vec![child.id()]);
        assert_eq!(watched.missing(), None);
        assert!(watched.cpu_since(0).is_some());
        assert_eq!(watched.cpu_since(u64::MAX), None, "less than before");
        child.kill().expect("it runs");
        // It has ended when somebody could ask how, and is still in the table then.
        let exited = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), exited).expect("it ends");
        assert_eq!((watched.missing(), watched.cpu_since(0)), (Some(child.id()), None));
        child.wait().expect("it has ended");
        assert_eq!((watched.missing(), watched.cpu_since(0)), (Some(child.id()), None));
        assert_eq!(Server::default().cpu_since(0), None);
    }

    #[test]
    fn the_soft_limit_of_descriptors_is_read() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  7  processes\nMax open files            1024                 4096                 files\n";
        assert_eq!((open_files(limits), open_files("")), (Some(1024), None));
    }

    #[test]
    fn ticks_are_those_of_the_program_and_of_the_kernel_for_it() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 901 22 0 0 31 5 100 200 20 0 1 0 99 1 1";
        assert_eq!(ticks(stat), 36);
        assert_eq!(ticks(""), 0);
    }
}
