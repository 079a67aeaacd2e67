//! What the operating system allows: descriptors and ports, and the command that allows more.
//! Knows nothing of what they are for.
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a run needs beside its connections.
const OWN_DESCRIPTORS: usize = 64;
/// Connections from one source address, of those that the range of ports allows, where there are other addresses: less than
/// half. Linux looks for a port of `connect` among every second one first; when these are taken, it goes through all of them
/// before it looks at the rest, for each connection again, and connecting gets ten times slower.
const PORTS_OF_A_SOURCE_PERCENT: usize = 45;
/// The same where there is one address only: some ports wait for a while before they can be used again.
const PORTS_USED_PERCENT: usize = 80;
/// Lifts the range of ports.
const MORE_PORTS: &str = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'";

/// A limit stands in the way. Says which command lifts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// More connections than one process may have.
    Descriptors {
        /// What is needed.
        needed: usize,
        /// What there is.
        allowed: usize,
    },
    /// More connections than there are ports, and the server is not on this machine, where every address is ours.
    Ports {
        /// What is needed.
        needed: usize,
        /// What there is.
        allowed: usize,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptors { needed, allowed } => {
                let processes = needed.div_ceil(allowed.saturating_sub(OWN_DESCRIPTORS).max(1));
                write!(
                    to,
                    "this needs {needed} descriptors in one process, and the hard limit is {allowed}.\n\
                     Either: --processes {}\n\
                     or lift it (as root): ulimit -Hn {needed} && ulimit -n {needed}",
                    processes.max(2)
                )
            }
            Self::Ports { needed, allowed } => write!(
                to,
                "this needs {needed} ports of one address, and the range allows {allowed}.\n\
                 Lift it (as root): {MORE_PORTS}"
            ),
        }
    }
}

/// Whether there is no port left for a connection.
pub fn lacks_ports(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ADDRNOTAVAIL.raw_os_error())
}

/// The same error; where it is that descriptors or ports are used up, it says which command allows more.
pub fn explain(error: io::Error) -> io::Error {
    if lacks_ports(&error) {
        let words = format!(
            "{error}: no port of net.ipv4.ip_local_port_range is left for it ({} there are); those of connections that have ended \
             wait for a minute (TIME_WAIT).\nWait, or lift it (as root): {MORE_PORTS}",
            ports()
        );
        return io::Error::new(error.kind(), words);
    }
    let used_up = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
    if !used_up.contains(&error.raw_os_error()) {
        return error;
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let words = format!(
        "{error}: this process may have {allowed} descriptors, and needs one for each connection.\n\
         Lift it (as root), where it is started: ulimit -Hn 20000 && ulimit -n 20000"
    );
    io::Error::new(error.kind(), words)
}

/// Makes room for so many connections in this process.
///
/// # Errors
/// The hard limit is too low.
pub fn raise_descriptors(connections: usize) -> Result<(), Obstacle> {
    let needed = connections + OWN_DESCRIPTORS;
    let limits = getrlimit(Resource::Nofile);
    let fits = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed as u64);
    if fits(limits.current) {
        return Ok(());
    }
    if fits(limits.maximum) {
        let wanted = Rlimit { current: limits.maximum, maximum: limits.maximum };
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            return Ok(());
        }
    }
    Err(Obstacle::Descriptors { needed, allowed: limits.maximum.unwrap_or(0) as usize })
}

/// Where connections come from: the machine's choice, or addresses of 127.0.0.0/8 in turn.
#[derive(Clone, Debug)]
pub struct Sources {
    each: usize,
    part: u8,
    loopback: bool,
}

impl Sources {
    /// Sources for `connections` to `server` in process number `part`.
    ///
    /// # Errors
    /// There are not enough ports.
    pub fn new(server: SocketAddr, connections: usize, part: u8) -> Result<Self, Obstacle> {
        let loopback = matches!(server.ip(), IpAddr::V4(address) if address.is_loopback());
        let percent = if loopback { PORTS_OF_A_SOURCE_PERCENT } else { PORTS_USED_PERCENT };
        let each = ports() * percent / 100;
        if !loopback && connections > each {
            return Err(Obstacle::Ports { needed: connections, allowed: each });
        }
        Ok(Self { each: each.max(1), part, loopback })
    }

    /// The address that connection number `index` comes from; `None` leaves it to the kernel.
    pub fn address(&self, index: usize) -> Option<SocketAddr> {
        if !self.loopback || (self.part == 0 && index < self.each) {
            return None;
        }
        let block = (index / self.each) as u8;
        Some((Ipv4Addr::new(127, 1, self.part, block.saturating_add(1)), 0).into())
    }

    /// Where it can come from when there is no port left at that address: one that is nobody's otherwise. `None` where the
    /// server is not on this machine.
    pub fn spare(&self, index: usize) -> Option<SocketAddr> {
        let block = (index / self.each) as u8;
        self.loopback.then(|| (Ipv4Addr::new(127, 2, self.part, block.saturating_add(1)), 0).into())
    }
}

fn ports() -> usize {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|word| word.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if last >= first => last - first + 1,
        _ => 28_232,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_is_used_more_often_than_it_has_ports() {
        let sources = Sources::new("127.0.0.1:8100".parse().unwrap(), 200_000, 0).unwrap();
        let mut uses = std::collections::HashMap::new();
        for index in 0..200_000 {
            *uses.entry(sources.address(index)).or_insert(0) += 1;
        }
        assert!(uses.len() > 2);
        assert!(uses.values().all(|&n| 2 * n < ports()), "no source takes half of the range: {uses:?}");
        assert!((0..200_000).step_by(7_000).all(|index| {
            sources
                .spare(index)
                .is_some_and(|spare| spare.ip().is_loopback() && !uses.contains_key(&Some(spare)))
        }));
        let other = Sources::new("127.0.0.1:8100".parse().unwrap(), 10, 1).unwrap();
        assert!(!uses.contains_key(&other.address(0)), "processes do not share addresses");
    }

    #[test]
    fn an_obstacle_names_the_command() {
        let elsewhere = "192.0.2.1:80".parse().unwrap();
        let refused = Sources::new(elsewhere, 10_000_000, 0).unwrap_err().to_string();
        assert!(refused.contains("sysctl -w net.ipv4.ip_local_port_range"), "{refused}");
        assert!(Sources::new(elsewhere, ports() * 7 / 10, 0).is_ok_and(|sources| sources.spare(1).is_none()));
        let said = explain(Errno::ADDRNOTAVAIL.into()).to_string();
        for words in ["ip_local_port_range", "TIME_WAIT", "sysctl -w net.ipv4.ip_local_port_range"] {
            assert!(said.contains(words), "{words} is not in {said}");
        }
        let refused = raise_descriptors(usize::MAX >> 1).unwrap_err().to_string();
        assert!(refused.contains("ulimit -n") && refused.contains("--processes"), "{refused}");
    }
}
