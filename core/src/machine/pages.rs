//! Pages of ours, and what browsers say of the pages of others for which they ask.
//! Knows nothing of dialects.
use super::Machine;
use crate::arena::Id;
use crate::config::HostName;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::bayeux::is_script;
use crate::dialect::{Answer, DialectId, route_by_path};
use crate::wire::http1::head::Head;
use crate::wire::http1::{Method, Status};

/// What a page of ours may do: nothing that is not from here.
const PAGE_POLICY: (&str, &str) =
    ("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'");

impl Machine {
    /// Answers with a page, if there is one at this path.
    pub(super) fn serve_page(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        head: &Head<'_, '_>,
    ) -> bool {
        if !matches!(head.method, Method::Get | Method::Head) {
            return false;
        }
        let pages = if role == Role::Admin { &self.config.admin_pages } else { &self.config.pages };
        let Some(page) = pages.iter().find(|p| p.path.as_bytes() == &*head.path) else {
            return false;
        };
        // A script of callback-polling may be asked for at the root, where there is a page as well.
        if is_script(head) && route_by_path(role, head, &self.config) == Some(DialectId::Bayeux) {
            return false;
        }
        let (body, content_type) = (page.body.clone(), page.content_type);
        self.reply(id, manner, Answer { status: Status::OK, content_type }, &[PAGE_POLICY], &body);
        true
    }
}

/// Whether a browser says that the request comes from a page that is not from this host.
pub(super) fn is_another_origins(head: &Head<'_, '_>) -> bool {
    let Some(origin) = head.field("origin") else { return false };
    let host = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    host.is_none() || host != head.field("host")
}

/// Why the admin side may not be asked for this over TCP; `None` if it may. On the administrator's own machine a page of another
/// site could reach it, and it trusts that machine.
///
/// Browsers say that they ask for such a page: W3C Fetch Metadata, section 2.3; where they leave that out, over plain HTTP, by
/// its origin or the referring page. A page whose own name has been made to lead here would pass for one of ours, and need
/// not say anything: so it is asked of everybody by which name they came.
pub(super) fn foreign(head: &Head<'_, '_>, hosts: &[HostName]) -> Option<&'static str> {
    let (mut host, mut site, mut origin, mut referer) = (&b""[..], None, None, None);
    for field in head.fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            4 if is("host") => host = field.value.trim_ascii(),
            6 if is("origin") => origin = Some(field.value.trim_ascii()),
            7 if is("referer") => referer = Some(field.value.trim_ascii()),
            14 if is("sec-fetch-site") => site = Some(field.value.trim_ascii()),
            _ => {}
        }
    }
    if !HostName::is_private(host) && !hosts.iter().any(|known| known.is(host)) {
        return Some(
            "the admin side is reached by its address, by a name without dots, or by one in admin.hosts",
        );
    }
    let is_ours = |place: &[u8]| {
        let name = place.strip_prefix(b"https://").or_else(|| place.strip_prefix(b"http://"));
        let name = name.map(|name| name.split(|&c| c == b'/').next().unwrap_or_default());
        name.is_some_and(|name| name == host || hosts.iter().any(|known| known.is(name)))
    };
    let is_other = site.is_some_and(|site| site != b"same-origin" && site != b"none")
        || origin.is_some_and(|origin| !is_ours(origin))
        || referer.is_some_and(|referer| !is_ours(referer));
    is_other.then_some("pages of other sites may not use the admin side")
}
