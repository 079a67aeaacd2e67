//! The page on the admin side that shows what the server does. It is files as they are: nothing is built.
//! Knows nothing of what it shows.
use rcomet_core::Config;

use crate::pages::{CSS, HTML, SCRIPT, Served, door, pages};

/// Leads there those who have typed only the address.
const DOOR: &[u8] = door!("dashboard", "To the dashboard");

/// What is served: path, media type, content. The page names its files relatively, so that all of it may stand below another
/// path behind a proxy.
const PAGES: [Served; 7] = [
    ("/", HTML, DOOR),
    ("/dashboard", HTML, include_bytes!("../dashboard/index.html")),
    ("/dashboard/dashboard.css", CSS, include_bytes!("../dashboard/dashboard.css")),
    ("/dashboard/dashboard.js", SCRIPT, include_bytes!("../dashboard/dashboard.js")),
    ("/dashboard/channel.js", SCRIPT, include_bytes!("../dashboard/channel.js")),
    ("/dashboard/dom.js", SCRIPT, include_bytes!("../dashboard/dom.js")),
    ("/dashboard/plot.js", SCRIPT, include_bytes!("../dashboard/plot.js")),
];

/// Adds the page to what the core serves on the admin side, unless the administrator does not want it.
pub(crate) fn add_to(config: &mut Config) {
    if config.admin.dashboard {
        config.admin_pages = pages(&PAGES).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_is_there_unless_it_is_not_wanted() {
        let mut config = Config::default();
        add_to(&mut config);
        assert_eq!(config.admin_pages.len(), PAGES.len());
        let html = String::from_utf8_lossy(PAGES[1].2);
        for name in ["dashboard/dashboard.css", "dashboard/dashboard.js"] {
            assert!(
                html.contains(&format!("\"{name}\"")) && PAGES.iter().any(|(path, ..)| path[1..] == *name)
            );
        }
        let mut config = Config::default();
        config.admin.dashboard = false;
        add_to(&mut config);
        assert!(config.admin_pages.is_empty());
    }
}
