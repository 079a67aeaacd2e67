//! The servers of the comparison: which of them are installed, how they are started, and how they are ended.
//! Knows nothing of what is asked of them.
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Options;
use crate::target::Name;

/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
const NCHAN_MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
];

/// A server, with the settings that it is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The floor.
    Floor,
    /// The floor, which says to who waits that it is there, as often as rcomet.
    FloorNoops,
    /// rcomet, which sends the head of a poll's answer with the message.
    Rcomet,
    /// rcomet with nothing set: it sends the head at once, as icomet does.
    RcometDefault,
    /// rcomet as it is set for its other dialects.
    RcometDialects,
    /// nginx with Nchan, one worker.
    Nchan,
    /// nginx with a fixed answer from memory, one worker.
    NginxFixed,
    /// Faye on Node.
    Faye,
    /// Simple-Comet-Server on Python with Twisted.
    SimpleComet,
}

impl Kind {
    /// Whether it is rcomet, however it is set.
    pub fn is_rcomet(self) -> bool {
        matches!(self, Self::Rcomet | Self::RcometDefault | Self::RcometDialects)
    }
}

/// What there is to compare with.
pub struct Shop {
    cores: (usize, usize),
    simulator: PathBuf,
    rcomet: PathBuf,
    nginx: Option<PathBuf>,
    nchan: Option<PathBuf>,
    node: Option<PathBuf>,
    faye: Option<PathBuf>,
    python: Option<PathBuf>,
    simple_comet: Option<PathBuf>,
    peers: PathBuf,
}

/// A server that runs. Dropping it ends it.
pub struct Running {
    process: Child,
    target: Name,
    front: SocketAddr,
    admin: SocketAddr,
    directory: PathBuf,
}

impl Shop {
    /// Looks for everything.
    ///
    /// # Errors
    /// rcomet itself is not there.
    pub fn look(options: &Options) -> Result<Self, String> {
        let simulator = std::env::current_exe().map_err(|error| error.to_string())?;
        let rcomet = options.rcomet.clone().unwrap_or_else(|| simulator.with_file_name("rcomet"));
        if !rcomet.is_file() {
            return Err(format!("{} is not there: cargo build --release", rcomet.display()));
        }
        let &[first, second, ..] = &*super::pin::cores() else {
            return Err("servers and clients need a core each, and there is only one".to_owned());
        };
        let faye = options.peers.join("faye.js");
        let installed = options.peers.join("node_modules/faye/package.json").is_file();
        Ok(Self {
            cores: (options.server_core.unwrap_or(first), options.client_core.unwrap_or(second)),
            simulator,
            rcomet,
            nginx: in_path("nginx"),
            nchan: NCHAN_MODULES.iter().map(PathBuf::from).find(|path| path.is_file()),
            node: in_path("node"),
            faye: installed.then_some(faye),
            python: in_path("python3"),
            simple_comet: options.simple_comet.clone(),
            peers: options.peers.clone(),
        })
    }

    /// The core that servers get, and the one for clients.
    pub fn cores(&self) -> (usize, usize) {
        self.cores
    }

    /// This program.
    pub fn simulator(&self) -> &Path {
        &self.simulator
    }

    /// The daemon.
    pub fn rcomet(&self) -> &Path {
        &self.rcomet
    }

    /// Where peers are.
    pub fn peers(&self) -> &Path {
        &self.peers
    }

    /// Whether this one can be started.
    pub fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Floor | Kind::FloorNoops => true,
            Kind::Rcomet | Kind::RcometDefault | Kind::RcometDialects => true,
            Kind::NginxFixed => self.nginx.is_some(),
            Kind::Nchan => self.nginx.is_some() && self.nchan.is_some(),
            Kind::Faye => self.node.is_some() && self.faye.is_some(),
            Kind::SimpleComet => self.python.is_some() && self.simple_comet.is_some(),
        }
    }

    /// What there is, and how to get what there is not.
    pub fn inventory(&self) -> String {
        let mut out = String::from("peers:");
        for (kind, name, how) in [
            (Kind::NginxFixed, "nginx", "apt install nginx"),
            (Kind::Nchan, "Nchan", "apt install libnginx-mod-nchan"),
            (Kind::Faye, "Faye", "apt install nodejs npm; npm ci --prefix simulator/peers"),
            (
                Kind::SimpleComet,
                "Simple-Comet-Server",
                "no registry has it; pip install twisted, and say with --simple-comet where its program is",
            ),
        ] {
            let there = if self.has(kind) { "is here".to_owned() } else { format!("is missing: {how}") };
            let _ = write!(out, "\n  {name} {there}");
        }
        out.push_str("\n  icomet: no distribution packages it; start one yourself, and use --target icomet");
        out
    }

    /// Starts one, on ports that are free.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(&self, kind: Kind) -> Result<Running, String> {
        let (front, admin) = free_ports()?;
        let directory = std::env::temp_dir().join(format!("rcomet-sim-{}", front.port()));
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let (mut command, target, admin) = match kind {
            Kind::Floor | Kind::FloorNoops => {
                let mut command = Command::new(&self.simulator);
                command.args(["floor", "--front", &front.to_string(), "--admin", &admin.to_string()]);
                if kind == Kind::FloorNoops {
                    command.args(["--noop-ms", "30000"]);
                }
                (command, Name::Floor, admin)
            }
            Kind::Rcomet | Kind::RcometDefault | Kind::RcometDialects => {
                let file = directory.join("rcomet.toml");
                fs::write(&file, rcomet_config(kind)).map_err(|error| error.to_string())?;
                let mut command = Command::new(&self.rcomet);
                command.arg("run").arg("--config").arg(file).args(["--log", "warn"]);
                command.args(["--front", &front.to_string(), "--admin", &admin.to_string()]);
                (command, Name::Rcomet, admin)
            }
            Kind::Nchan | Kind::NginxFixed => {
                let file = directory.join("nginx.conf");
                fs::write(&file, self.nginx_config(kind, &directory, front.port())?)
                    .map_err(|error| error.to_string())?;
                let mut command = Command::new(self.nginx.as_ref().ok_or("nginx is missing")?);
                command.arg("-e").arg(directory.join("error.log")).arg("-c").arg(file);
                (command, if kind == Kind::Nchan { Name::Nchan } else { Name::Fixed }, front)
            }
            Kind::Faye => {
                let mut command = Command::new(self.node.as_ref().ok_or("Node is missing")?);
                command.arg(self.faye.as_ref().ok_or("Faye is missing")?).arg(front.port().to_string());
                (command, Name::Faye, front)
            }
            Kind::SimpleComet => {
                let program = self.simple_comet.as_ref().ok_or("Simple-Comet-Server is missing")?;
                let mut command = Command::new(self.python.as_ref().ok_or("Python is missing")?);
                command.arg(program).arg(format!("--http-port={}", front.port()));
                (command, Name::SimpleComet, front)
            }
        };
        let log = fs::File::create(directory.join("stderr")).map_err(|error| error.to_string())?;
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{kind:?} does not start: {error}"))?;
        let mut running = Running { process, target, front, admin, directory };
        running.wait_until_it_listens(kind)?;
        Ok(running)
    }

    fn nginx_config(&self, kind: Kind, directory: &Path, port: u16) -> Result<String, String> {
        let path = self.peers.join("nginx.conf");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let module = self.nchan.as_deref().filter(|_| kind == Kind::Nchan);
        nginx_config(&text, module, directory, port)
            .ok_or_else(|| format!("{}: no NCHAN in it", path.display()))
    }
}

/// The peers' configuration, filled in; without `module` it has no locations of Nchan. `None` where these cannot be found in it.
fn nginx_config(text: &str, module: Option<&Path>, directory: &Path, port: u16) -> Option<String> {
    let (before, rest) = text.split_once("        # NCHAN\n")?;
    let (nchan, after) = rest.split_once("        # NCHAN ENDS\n")?;
    let load = module.map(|module| format!("load_module {};", module.display())).unwrap_or_default();
    let nchan = if module.is_some() { nchan } else { "" };
    let text = format!("{before}{nchan}{after}")
        .replace("\nMODULE\n", &format!("\n{load}\n"))
        .replace("DIRECTORY/", &format!("{}/", directory.display()))
        .replace(":PORT ", &format!(":{port} "));
    Some(text)
}

/// What a row's rcomet is configured with; everything else is its default.
pub fn rcomet_config(kind: Kind) -> &'static str {
    match kind {
        Kind::Rcomet => "[icomet]\npoll_head = \"with_message\"\n",
        Kind::RcometDialects => include_str!("../../peers/rcomet.toml"),
        _ => "",
    }
}

impl Running {
    /// How the simulator reaches it.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = vec!["--target".to_owned(), self.target.to_string()];
        words.extend([
            "--front".to_owned(),
            self.front.to_string(),
            "--admin".to_owned(),
            self.admin.to_string(),
        ]);
        words.extend(["--server-pid".to_owned(), self.process.id().to_string()]);
        words
    }

    fn wait_until_it_listens(&mut self, kind: Kind) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                let said = fs::read_to_string(self.directory.join("stderr")).unwrap_or_default();
                return Err(format!("{kind:?} has ended with {status}: {}", said.trim()));
            }
            if TcpStream::connect(self.front).is_ok() && TcpStream::connect(self.admin).is_ok() {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{kind:?} does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx's workers end with their master only if it is asked politely.
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                let _ = fs::remove_dir_all(&self.directory);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Two ports that nobody listens on, other ones each time. They are below those that connections get, so that none of these takes
/// them before the server does.
fn free_ports() -> Result<(SocketAddr, SocketAddr), String> {
    const PORTS: RangeInclusive<u16> = 20_000..=31_999;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (first, count) = (u32::from(*PORTS.start()), PORTS.len() as u32);
    let mut found = Vec::new();
    for _ in PORTS {
        // Where two run at once, they begin in different places.
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(61));
        let port = (first + offset % count) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            found.push(listener);
        }
        if let [front, admin] = &found[..] {
            let address = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
            return Ok((address(front)?, address(admin)?));
        }
    }
    Err("there are no two free ports".to_owned())
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push(PathBuf::from("/usr/sbin"));
    places.into_iter().map(|directory| directory.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locations_of_nchan_are_those_that_people_can_read() {
        let text = include_str!("../../peers/nginx.conf");
        let (module, directory) = (Path::new("/m/nchan.so"), Path::new("/d"));
        let with = nginx_config(text, Some(module), directory, 81).unwrap();
        for words in [
            "\nload_module /m/nchan.so;\n",
            "location = /sub {",
            "nchan_subscriber longpoll eventsource websocket;",
            "location = /pub {",
            "nchan_publisher;",
            " 127.0.0.1:81 ",
            "pid /d/nginx.pid;",
            "return 200",
        ] {
            assert!(with.contains(words), "{words} is not in {with}");
        }
        let without = nginx_config(text, None, directory, 81).unwrap();
        assert!(without.contains("return 200") && !without.contains("load_module"), "{without}");
        assert!(!without.contains("nchan") && without.matches("location").count() == 1, "{without}");
    }
}
