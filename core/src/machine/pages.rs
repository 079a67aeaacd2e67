//! Pages of ours, and what browsers say of the pages of others for which they ask.
//! Knows nothing of dialects.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::Answer;
use crate::wire::http1::head::Head;
use crate::wire::http1::{Method, Status};

/// What a page of ours may do: nothing that is not from here.
const PAGE_POLICY: (&str, &str) = ("Content-Security-Policy", "default-src 'self'; img-src 'self' data:");

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

/// Whether a browser says that the request comes from a page of another site: on the administrator's own machine such
/// a page could reach the admin side, which trusts that machine. W3C Fetch Metadata, section 2.3.
pub(super) fn is_another_sites(head: &Head<'_, '_>) -> bool {
    head.field("sec-fetch-site").is_some_and(|site| site != b"same-origin" && site != b"none")
}
