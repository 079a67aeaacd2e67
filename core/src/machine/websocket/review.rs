//! Publishers at locations, looked at again when another configuration is in force: what let them in may not hold any more.
//! Knows nothing of what they publish. Those who only read stay, as everywhere.
use crate::arena::Id;
use crate::config::Location;
use crate::conn::{Booth, Conn, Phase, Role, WebSocket};
use crate::dialect::Outlet;
use crate::machine::tokens::is_closed;
use crate::machine::{Errand, Machine};
use crate::wire::ws::CloseCode;

/// What a publisher is told who could show no token, which is asked for now.
const SHUT: (CloseCode, &str) =
    (CloseCode::POLICY, "403 Forbidden: token.required is set, and no application is asked here");
/// What a publisher is told whose location is another now, or gone; it may be served if it connects again.
const MOVED: (CloseCode, &str) = (CloseCode::RESTART, "this location has changed: connect again");

impl Machine {
    /// Whether nothing may be published by a WebSocket at a location. Nobody can show a token there: where they are required, the
    /// application has to have let it be.
    pub(super) fn is_shut(&self, role: Role, booth: &Booth) -> bool {
        booth.outlet.is_some() && !booth.authorized && is_closed(&self.config, role)
    }

    /// Another configuration is in force than `before`: ends a WebSocket that may not publish any more where it does. One that is
    /// still to be let in hears of it then.
    pub(in crate::machine) fn review_publisher(&mut self, id: Id<Conn>, before: &[Location]) {
        let now = &self.config.push.location;
        let Some(conn) = self.conns.get_mut(id) else { return };
        let role = conn.role.over_http();
        let has_moved = match &mut conn.phase {
            Phase::WebSocket(socket) => {
                let outlet = socket.booth.as_mut().and_then(|booth| booth.outlet.as_mut());
                outlet.is_some_and(|outlet| !follow(outlet, before, now))
            }
            Phase::Hooked(hooked) => {
                if let Errand::Enter(entering) = &mut hooked.errand
                    && let Some(outlet) = &mut entering.outlet
                {
                    follow(outlet, before, now);
                }
                return;
            }
            _ => return,
        };
        let is_shut = self
            .websocket(id)
            .and_then(|socket| socket.booth.as_ref())
            .is_some_and(|booth| self.is_shut(role, booth));
        let (code, words) = match (is_shut, has_moved) {
            (true, _) => SHUT,
            (false, true) => MOVED,
            (false, false) => return,
        };
        self.counters.publishes_refused += u64::from(is_shut);
        let has_said = self.websocket(id).is_none_or(WebSocket::is_closing);
        self.end_websocket(id, (!has_said).then_some((Some(code), words)));
    }
}

/// Finds the location of an outlet among others; false if it is not there as it was.
fn follow(outlet: &mut Outlet, before: &[Location], now: &[Location]) -> bool {
    let was = outlet.location.and_then(|place| before.get(place));
    outlet.location = was.and_then(|was| now.iter().position(|one| one == was));
    outlet.location.is_some()
}
