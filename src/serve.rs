//! `rcomet run`: what the settings say, put together and set going.
//! Knows nothing of how any of it works.
mod reload;

use std::error::Error;
use std::process;

use rcomet_core::{About, Limits, Role};

use self::reload::Again;
use crate::background::Background;
use crate::cli::RunFlags;
use crate::descriptors::Descriptors;
use crate::entropy::OperatingSystem;
use crate::exit::Failure;
use crate::journal::JournalFile;
use crate::logging::{self, Logging};
use crate::reactor::{Bound, Doors, Fresh, Reactor, Signals};
use crate::settings::{Settings, Side};
use crate::values::ValuesFile;
use crate::{activation, dashboard, demo, pid_file, place};

/// Serves, until told to leave.
///
/// # Errors
/// It could not begin, or the operating system will not go on.
pub(crate) fn run(flags: &RunFlags) -> Result<(), Box<dyn Error>> {
    let mut background = Background::enter(flags.is_in_background())?;
    let how = serve(flags, &mut background);
    if let Err(error) = &how {
        // Whoever has started us waits for this, if nobody sees what we say.
        background.report(Err(error.as_ref()));
    }
    how
}

fn serve(flags: &RunFlags, background: &mut Background) -> Result<(), Box<dyn Error>> {
    let mut source = flags.source();
    if flags.is_in_background() {
        source.stay();
    }
    let (settings, _) = source.read()?;
    if let Some(path) = flags.log_file() {
        logging::into_file(path)
            .map_err(|error| format!("cannot open the log {}: {error}", path.display()))?;
    }
    let logging = Logging::start(settings.log.level, flags.sets_log())?;
    let descriptors = Descriptors::raise();
    // From here on nothing ends us before what we make is put away again.
    let signals = Signals::catch()?;
    log::info!("rcomet {} starts as process {}", env!("CARGO_PKG_VERSION"), process::id());

    // Before anything is opened: who cannot read what there is should not take its place.
    let most = settings.limits.memory_bytes_max;
    let values = settings.control.values_path().map(|path| ValuesFile::open(path, most)).transpose()?;
    let histories = settings.history.path().map(JournalFile::open).transpose()?;
    let sync_ms = settings.history.sync_ms;
    let bound = listen(&settings, flags.is_in_background())?;
    let entropy =
        OperatingSystem::probe().map_err(|error| format!("there are no random bytes to be had: {error}"))?;
    for Bound { role, address, .. } in &bound {
        log::info!("listening {} {address}", role.name());
    }
    if settings.server.demo {
        invite(&bound);
    }
    let beside = pid_file::beside_control(&bound).filter(|_| flags.is_in_background());
    let pid_file = pid_file::of(&settings, beside.as_deref())?;
    background.settle()?;

    let about = About {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: process::id(),
        config: source.whole_path().map(|file| file.display().to_string()),
        history: histories.as_ref().map(|file| file.path().display().to_string()),
        values: values.as_ref().map(|(file, _)| file.path().display().to_string()),
        listeners: bound.iter().map(|one| (one.role.name().to_owned(), one.address.to_string())).collect(),
    };
    let sides: Vec<Side> = bound.iter().map(|one| (one.role, one.address.clone())).collect();
    let mut fresh = fresh(&settings, &sides, descriptors);
    for note in std::mem::take(&mut fresh.notes) {
        log::warn!("{note}");
    }
    let mut reactor = Reactor::new(fresh, Box::new(entropy), bound, signals, about)?;
    if let Some((file, kept)) = values {
        reactor.keep_values(file, kept.as_ref())?;
    }
    if let Some(file) = histories {
        reactor.keep_histories(file, sync_ms)?;
    }
    background.report(Ok(()));
    let (running, overruled) = (settings, source.overruled());
    reactor.run(&mut Again {
        source,
        running,
        overruled,
        sides,
        descriptors,
        logging,
        beside,
        pid_file,
        read: None,
    })?;
    Ok(())
}

/// Says where the pages of the demo are, and how to join in from a shell.
fn invite(bound: &[Bound]) {
    let of = |role| bound.iter().filter(move |bound| bound.role == role).map(|bound| &bound.address);
    for (name, url) in of(Role::Front).find_map(demo::visits).into_iter().flatten() {
        crate::app::say(&format!("{name}: {url}"));
    }
    if let Some(url) = of(Role::Admin).find_map(demo::dashboard) {
        crate::app::say(&format!("dashboard: {url}"));
    }
    if let Some(command) = of(Role::Admin).find_map(demo::greeting) {
        crate::app::say(&format!("say hello in the chat: {command}"));
    }
}

/// Takes everything that is to be listened on. A side for which the service manager has made sockets listens on those alone.
fn listen(settings: &Settings, in_background: bool) -> Result<Vec<Bound>, Box<dyn Error>> {
    let mut bound = activation::sockets(settings)?;
    let given: Vec<Role> = bound.iter().map(|one| one.role).collect();
    // The control socket first: it says best that another one runs already.
    for socket in settings.control.sockets() {
        if given.contains(&socket.role) {
            continue;
        }
        if socket.optional {
            place::make_room(&socket.path);
        }
        let address = crate::settings::Address::Unix(socket.path);
        match Bound::take(socket.role, &address, &socket.access) {
            Ok(one) => bound.push(one),
            Err(error) if in_background && error.is_taken() => {
                return Err(Failure::AlreadyRunning(format!("another rcomet runs already: {error}")).into());
            }
            Err(error) if socket.optional && !in_background => {
                log::warn!("{error}; this one goes without, unless it is given a place: --control PATH");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let access = settings.server.access();
    for (role, _, addresses) in settings.server.roles() {
        for address in addresses.iter().filter(|_| !given.contains(&role)) {
            bound.push(Bound::take(role, address, &access)?);
        }
    }
    if bound.is_empty() {
        return Err("there is nothing to listen on: no address in [server], and no control socket".into());
    }
    Ok(bound)
}

/// What the daemon is given: the settings, with what this machine and the demo make of them. It listens at `sides`.
fn fresh(settings: &Settings, sides: &[Side], descriptors: Descriptors) -> Fresh {
    let mut notes = settings.warnings(Some(sides));
    let mut config = settings.core();
    let wanted = config.limits.connections_max;
    let possible = descriptors.connections(settings.descriptors());
    if possible < wanted {
        config.limits.connections_max = possible;
        let note = format!(
            "limits.connections_max is lowered from {wanted} to {possible}: the process may have {} descriptors \
             (ulimit -n)",
            descriptors.count()
        );
        // Nobody has asked for the default, so nobody is disappointed.
        if wanted == Limits::default().connections_max {
            log::info!("{note}");
        } else {
            notes.push(note);
        }
    }
    dashboard::add_to(&mut config);
    if settings.server.demo {
        demo::add_to(&mut config);
    }
    let control = settings.control.sockets().into_iter().map(|socket| (socket.role, socket.access));
    let doors = Doors {
        usual: settings.server.access(),
        control: control.collect(),
        peers: settings.control.peers.clone(),
        send_buffer_bytes: settings.server.send_buffer_bytes,
    };
    let (drain_ms_max, sync_ms) = (settings.server.drain_ms_max, settings.history.sync_ms);
    Fresh { config, doors, drain_ms_max, sync_ms, histories: None, values: None, notes }
}
