//! Where the control socket is when nobody says so: one rule for the daemon, which makes it, and for the commands, which
//! look for it. Knows nothing of what is said there.
use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{self, Path, PathBuf};

/// The environment's word on where it is.
pub(crate) const VARIABLE: &str = "RCOMET_CONTROL";

const NAME: &str = "control.sock";
const SYSTEM: &str = "/run/rcomet";

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where a daemon of this user makes it, from the root on. `None` for a user without a home.
pub(crate) fn for_server() -> Option<PathBuf> {
    let path = named_or_usual()?;
    Some(path::absolute(&path).unwrap_or(path))
}

fn named_or_usual() -> Option<PathBuf> {
    if let Some(path) = variable(VARIABLE) {
        return Some(path);
    }
    // Of several directories that systemd gives, the first.
    if let Some(given) = variable("RUNTIME_DIRECTORY") {
        let first = given.to_string_lossy().split(':').next().map(PathBuf::from);
        return first.map(|directory| directory.join(NAME));
    }
    own().into_iter().next()
}

/// Where this user's own may be, the first first.
fn own() -> Vec<PathBuf> {
    let system = is_root().then(|| PathBuf::from(SYSTEM));
    let session = variable("XDG_RUNTIME_DIR").map(|directory| directory.join("rcomet"));
    let home = variable("HOME").map(|home| home.join(".rcomet"));
    [system, session, home].into_iter().flatten().map(|directory| directory.join(NAME)).collect()
}

/// Makes the directory of a socket that goes where nobody has said, if it is not there: others may come in, the socket's mode
/// says who may use it. In somebody's home or session it is theirs alone.
pub(crate) fn make_room(path: &Path) {
    let Some(directory) = path.parent().filter(|directory| !directory.exists()) else { return };
    let mode = if directory == Path::new(SYSTEM) { 0o755 } else { 0o700 };
    if let Err(error) = DirBuilder::new().recursive(false).mode(mode).create(directory) {
        log::debug!("cannot make {}: {error}", directory.display());
    }
}

/// Where a command looks for it, the first first.
pub(crate) fn for_client() -> Vec<PathBuf> {
    if let Some(path) = variable(VARIABLE) {
        return vec![path];
    }
    let mut places = own();
    let system = Path::new(SYSTEM).join(NAME);
    if !places.contains(&system) {
        places.push(system);
    }
    places
}
