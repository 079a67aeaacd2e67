//! Pages of which origins may use a location, and whether with what their browsers know of the user: cookies, and names with passwords
//! (Fetch, section 3.2, "CORS protocol"; `protocols/push-module.md`, section 5.9).
//! Knows nothing of how it is written in an answer.
use serde::Deserialize;

use super::location::Location;
use super::location_mistake::Mistake;
use super::{Http, Origin};
use crate::conn::OriginRef;
use crate::wire::http1::head::Head;

/// Bytes of an origin that is named in an answer: a scheme, a name of at most 253 bytes (RFC 1035, section 2.3.4) and a port. A
/// longer one is nobody's.
const ORIGIN_BYTES_MAX: usize = 300;

/// `access_control_allow_origin` of a location (`nchan_access_control_allow_origin`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PagesText")]
pub enum Pages {
    /// `"*"`: those of every origin, never with cookies: browsers see to that.
    Every,
    /// `"$http_origin"`: those of every origin, which is named in the answer.
    Asking,
    /// Those of these origins; of none if it is empty.
    Of(Vec<Origin>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"$http_origin\", \"*\", or a list such as [\"https://example.org\"]"
)]
enum PagesText {
    One(String),
    Several(Vec<String>),
}

impl TryFrom<PagesText> for Pages {
    type Error = String;
    fn try_from(text: PagesText) -> Result<Self, String> {
        let words = match text {
            PagesText::One(word) => vec![word],
            PagesText::Several(words) => words,
        };
        if words.len() == 1 && words[0] == "$http_origin" {
            return Ok(Self::Asking);
        }
        if words.len() == 1 && words[0] == "*" {
            return Ok(Self::Every);
        }
        if let Some(word) = words.iter().find(|word| matches!(word.as_str(), "*" | "$http_origin")) {
            return Err(format!("`{word}` is for pages of all origins: it stands alone, or not at all"));
        }
        words.into_iter().map(Origin::try_from).collect::<Result<_, _>>().map(Self::Of)
    }
}

/// Whose pages may use a location, when all that holds there has been looked at.
enum Rule<'a> {
    Every,
    Asking,
    Of(&'a [Origin]),
}

impl Location {
    /// Whether an application says there what may be done: it may know who asks by a cookie.
    pub(super) fn is_judged(&self) -> bool {
        self.authorize_request.is_some() || self.publisher_upstream_request.is_some()
    }

    /// What the location says itself; what `http.origins` says, if that is not everybody; else as Nchan does, unless there is an
    /// application that may look at cookies.
    fn rule<'a>(&'a self, http: &'a Http) -> Rule<'a> {
        match &self.access_control_allow_origin {
            Some(Pages::Every) => Rule::Every,
            Some(Pages::Asking) => Rule::Asking,
            Some(Pages::Of(origins)) => Rule::Of(origins),
            None if !http.origins.iter().any(Origin::is_any) => Rule::Of(&http.origins),
            None if self.is_judged() || http.origins.len() > 1 => Rule::Every,
            None => Rule::Asking,
        }
    }

    /// Which origin an answer to this request names; `None` if it comes from a page that may not ask. Pages of the same host
    /// always may.
    pub(crate) fn pages(&self, head: &Head<'_, '_>, http: &Http) -> Option<OriginRef> {
        let rule = self.rule(http);
        if matches!(rule, Rule::Every) {
            return Some(OriginRef::Any);
        }
        let Some(asked) = head.field("origin") else { return Some(OriginRef::Vary) };
        if self.lets(&rule, asked) {
            let with_credentials = self.access_control_allow_credentials != Some(false);
            return Some(if with_credentials { OriginRef::Asked } else { OriginRef::AskedWithout });
        }
        is_of_host(asked, head).then_some(OriginRef::Vary)
    }

    /// Whether pages of this origin are named in answers.
    pub(crate) fn names_origin(&self, asked: &[u8], http: &Http) -> bool {
        self.lets(&self.rule(http), asked)
    }

    fn lets(&self, rule: &Rule<'_>, asked: &[u8]) -> bool {
        let can_be_said = asked.len() <= ORIGIN_BYTES_MAX && asked.iter().all(u8::is_ascii_graphic);
        let is_named = match rule {
            Rule::Every => false,
            Rule::Asking => !asked.is_empty(),
            Rule::Of(origins) => {
                origins.iter().any(|one| one.as_str().as_bytes().eq_ignore_ascii_case(asked))
            }
        };
        can_be_said && is_named
    }

    /// Whether what a browser knows of its user is told to applications: not if a page of another origin asks that may not have it. By
    /// WebSocket browsers send it all the same, and leave it to the server to look whose page it is (RFC 6455, section 10.2).
    pub(crate) fn takes_credentials(&self, head: &Head<'_, '_>, http: &Http) -> bool {
        let Some(asked) = head.field("origin") else { return true };
        let may = self.access_control_allow_credentials != Some(false);
        is_of_host(asked, head) || (may && self.lets(&self.rule(http), asked))
    }

    pub(super) fn check_pages(&self) -> Result<(), Mistake> {
        let wants_both = self.access_control_allow_origin == Some(Pages::Every)
            && self.access_control_allow_credentials == Some(true);
        if wants_both {
            let words = format!(
                "`{}`: browsers refuse credentials with access_control_allow_origin = \"*\": list origins, or write \"$http_origin\"",
                self.path
            );
            return Err(Mistake::new("access_control_allow_credentials", words));
        }
        Ok(())
    }

    /// Options about pages that do nothing, in words for the administrator.
    pub(super) fn idle_pages(&self, http: &Http) -> Option<String> {
        let (origin, credentials) =
            (&self.access_control_allow_origin, self.access_control_allow_credentials);
        if origin.is_none() && credentials.is_none() {
            return None;
        }
        let path = &self.path;
        if !self.is_on(crate::conn::Role::Front) {
            return Some(format!(
                "push.location `{path}`: access_control_… does nothing here, for pages of other origins do not get to the admin side"
            ));
        }
        (credentials == Some(true) && matches!(self.rule(http), Rule::Every)).then(|| {
            format!(
                "push.location `{path}`: access_control_allow_credentials does nothing here without access_control_allow_origin: \
                 an application may go by cookies, so say which origins"
            )
        })
    }
}

/// Whether an origin is the one that a request went to.
fn is_of_host(origin: &[u8], head: &Head<'_, '_>) -> bool {
    let host = head.field("host").unwrap_or_default();
    memchr::memmem::find(origin, b"://").is_some_and(|at| &origin[at + 3..] == host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http1::head::{header_table, parse};

    fn location(more: &str) -> Location {
        let json = format!(r#"{{"path": "/s/{{id}}", "role": "subscriber"{more}}}"#);
        serde_json::from_str(&json).expect(&json)
    }

    fn http(origins: &[&str]) -> Http {
        let origins = origins.iter().map(|one| Origin::try_from((*one).to_owned()).expect("an origin"));
        Http { origins: origins.collect(), ..Http::default() }
    }

    const JUDGED: &str = r#", "authorize_request": "http://127.0.0.1:1/""#;
    const LIST: &str = r#", "access_control_allow_origin": ["https://b.example"]"#;
    const WITHOUT: &str = r#", "access_control_allow_credentials": false"#;
    const ASKING: &str = r#", "access_control_allow_origin": "$http_origin""#;
    const EVERY: &str = r#", "access_control_allow_origin": ["*"]"#;

    #[test]
    fn who_is_named_where() {
        use OriginRef::{Any, Asked, AskedWithout, Vary};
        let (all, some) = (http(&["*"]), http(&["https://a.example"]));
        // For a page of A, of B, of the same host, and for who is no page; the last but one is whether cookies of A are told.
        for (more, http, wanted, cookies) in [
            (String::new(), &all, [Some(Asked), Some(Asked), Some(Asked), Some(Vary)], true),
            (
                WITHOUT.into(),
                &all,
                [Some(AskedWithout), Some(AskedWithout), Some(AskedWithout), Some(Vary)],
                false,
            ),
            (JUDGED.into(), &all, [Some(Any); 4], false),
            (String::new(), &some, [Some(Asked), None, Some(Vary), Some(Vary)], true),
            (JUDGED.into(), &some, [Some(Asked), None, Some(Vary), Some(Vary)], true),
            (WITHOUT.into(), &some, [Some(AskedWithout), None, Some(Vary), Some(Vary)], false),
            (LIST.into(), &some, [None, Some(Asked), Some(Vary), Some(Vary)], false),
            (format!("{LIST}{JUDGED}"), &all, [None, Some(Asked), Some(Vary), Some(Vary)], false),
            (format!("{ASKING}{JUDGED}"), &some, [Some(Asked), Some(Asked), Some(Asked), Some(Vary)], true),
            (EVERY.into(), &some, [Some(Any); 4], false),
            (String::new(), &http(&["*", "https://a.example"]), [Some(Any); 4], false),
            (
                r#", "access_control_allow_origin": []"#.into(),
                &all,
                [None, None, Some(Vary), Some(Vary)],
                false,
            ),
        ] {
            let location = location(&more);
            let fields = [
                "Origin: https://A.example\r\n",
                "Origin: https://b.example\r\n",
                "Origin: http://x\r\n",
                "",
            ];
            let heads = fields.map(|field| format!("GET /s/1 HTTP/1.1\r\nHost: x\r\n{field}\r\n"));
            let mut got = Vec::new();
            for (text, wanted) in heads.iter().zip(wanted) {
                let mut table = header_table();
                let head = parse(text.as_bytes(), &mut table, usize::MAX).expect("a head");
                assert_eq!(location.pages(&head, http), wanted, "{more} {:?} {text}", http.origins);
                got.push(location.takes_credentials(&head, http));
            }
            assert_eq!((got[0], &got[2..]), (cookies, &[true, true][..]), "{more} {:?}", http.origins);
        }
    }

    #[test]
    fn what_is_no_origin_is_not_named() {
        for origin in ["x".repeat(301), "http://a b".into(), "http://ä".into(), String::new()] {
            assert!(!location("").names_origin(origin.as_bytes(), &http(&["*"])), "{origin}");
        }
        assert!(location("").names_origin(b"null", &http(&["*"])));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let read = |json: &str| serde_json::from_str::<Pages>(json).map_err(|why| why.to_string());
        assert_eq!(read(r#"["$http_origin"]"#), Ok(Pages::Asking));
        assert_eq!(read(r#""*""#), Ok(Pages::Every));
        assert!(read(r#"["*", "https://a.example"]"#).unwrap_err().contains("stands alone"));
        assert!(read(r#""https://a.example/path""#).unwrap_err().contains("is no origin"));
        let both =
            location(r#", "access_control_allow_origin": "*", "access_control_allow_credentials": true"#);
        assert!(both.check_pages().unwrap_err().to_string().contains("$http_origin"));
    }

    #[test]
    fn what_does_nothing_is_told() {
        let said =
            |more: &str, origins: &[&str]| location(more).idle_pages(&http(origins)).unwrap_or_default();
        let yes = format!(r#"{JUDGED}, "access_control_allow_credentials": true"#);
        assert!(said(&yes, &["*"]).contains("say which origins"));
        assert_eq!(said(&yes, &["https://a.example"]), "");
        assert_eq!(said(&format!("{yes}{LIST}"), &["*"]), "");
        assert!(said(&format!(r#"{LIST}, "on": ["admin"]"#), &["*"]).contains("admin side"));
        assert_eq!(said(JUDGED, &["*"]), "");
    }
}
