//! Outcomes as one page that needs nothing else: to look at, to keep, to send.
//! Knows nothing of how plots are drawn.
use std::fmt::Write as _;

use super::plots;
use super::table::{duration, number, words};
use crate::outcome::{Latency, Outcome};

const STYLE: &str = include_str!("page.css");

/// The page. Several outcomes are laid over each other in the plots.
pub fn page(outcomes: &[Outcome]) -> String {
    let title = title(outcomes);
    // Writing into a string cannot fail, here and below.
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n<header><h1>{title}</h1>\n"
    );
    if let [only] = outcomes {
        let settings: Vec<String> =
            only.settings.iter().map(|(name, value)| format!("{} {}", escape(name), escape(value))).collect();
        let _ = writeln!(out, "<p>{}</p>", settings.join(" · "));
    }
    out.push_str("</header>\n");
    verdict(&mut out, outcomes);
    if let [only] = outcomes {
        out.push_str("<h2>Figures</h2>\n<div class=\"tiles\">\n");
        for (name, value) in &only.figures {
            let _ = writeln!(out, "<div><span>{}</span><b>{}</b></div>", words(name), number(*value, name));
        }
        out.push_str("</div>\n");
    } else {
        figures(&mut out, outcomes);
    }
    pictures(&mut out, outcomes);
    latencies(&mut out, outcomes);
    counts(&mut out, outcomes);
    out.push_str("<h2>Commands</h2>\n");
    for outcome in outcomes {
        let _ = writeln!(out, "<pre>{}</pre>", escape(&outcome.command));
    }
    let _ = writeln!(out, "<footer>{} Made by rcomet-sim.</footer>\n</html>", latency_words(outcomes));
    out
}

/// What latencies are worth: in a closed loop the load waits for the server, and who holds it up also holds up what would show it.
fn latency_words(outcomes: &[Outcome]) -> &'static str {
    let closed = outcomes.iter().filter(|outcome| outcome.is_closed_loop()).count();
    match (closed, outcomes.len()) {
        (0, _) => {
            "Latency counts from the moment a message was meant to be sent, so that a server which holds up its clients \
             cannot hide it."
        }
        (closed, all) if closed == all => {
            "This is a closed loop: the next message is meant to be sent when the server is done with the last, so that a server \
             which holds up its clients also holds up the messages whose latency would show it."
        }
        _ => {
            "Latency counts from the moment a message was meant to be sent; in the closed loops among these that is when the server \
             is done with the last, so that a server which holds up its clients hides it there."
        }
    }
}

fn title(outcomes: &[Outcome]) -> String {
    let names: Vec<String> = outcomes.iter().map(|outcome| escape(&outcome.label())).collect();
    let mut scenarios: Vec<&str> = outcomes.iter().map(|outcome| outcome.scenario.as_str()).collect();
    scenarios.dedup();
    format!("{} · {}", escape(&scenarios.join(", ")), names.join(", "))
}

fn verdict(out: &mut String, outcomes: &[Outcome]) {
    let bad: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.is_good()).collect();
    if bad.is_empty() {
        let delivered: u64 = outcomes.iter().map(|outcome| outcome.counts.delivered).sum();
        let answered: u64 = outcomes.iter().map(|outcome| outcome.counts.published).sum();
        let publishing = outcomes.iter().all(|outcome| outcome.scenario == "publish");
        let words = if delivered > 0 && !publishing {
            format!(
                "Everybody got everything, once and in order: {} deliveries.",
                number(delivered as f64, "")
            )
        } else {
            format!("Every publish was answered: {} of them.", number(answered as f64, ""))
        };
        let _ = writeln!(out, "<p class=\"verdict\">{words}</p>");
    }
    for outcome in bad {
        let counts = &outcome.counts;
        let _ = writeln!(
            out,
            "<p class=\"verdict bad\">{}: {} lost, {} doubled, {} reordered, {} refused. {} {}</p>",
            escape(&outcome.label()),
            counts.lost,
            counts.doubled,
            counts.reordered,
            counts.refused,
            escape(outcome.failure.as_deref().unwrap_or("")),
            escape(outcome.complaint.as_deref().unwrap_or("")),
        );
    }
    for (outcome, words) in
        outcomes.iter().flat_map(|outcome| outcome.warnings.iter().map(move |words| (outcome, words)))
    {
        let _ = writeln!(out, "<p>{}: {}</p>", escape(&outcome.label()), escape(words));
    }
}

fn figures(out: &mut String, outcomes: &[Outcome]) {
    let mut names: Vec<&String> = outcomes.iter().flat_map(|outcome| outcome.figures.keys()).collect();
    names.sort();
    names.dedup();
    out.push_str("<h2>Figures</h2>\n<div class=\"wide\"><table>\n<tr><th></th>");
    for outcome in outcomes {
        let _ = write!(out, "<th>{}</th>", escape(&outcome.label()));
    }
    out.push_str("</tr>\n");
    for name in names {
        let _ = write!(out, "<tr><td>{}</td>", words(name));
        for outcome in outcomes {
            let value = outcome.figures.get(name).map_or_else(String::new, |value| number(*value, name));
            let _ = write!(out, "<td>{value}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

fn pictures(out: &mut String, outcomes: &[Outcome]) {
    let all = [
        ("How late", plots::latency(outcomes)),
        ("Deliveries", plots::deliveries(outcomes)),
        ("The server's memory", plots::memory(outcomes)),
        ("The server's processor time", plots::cpu(outcomes)),
    ];
    if all.iter().all(|(_, plot)| plot.is_none()) {
        return;
    }
    out.push_str("<h2>Plots</h2>\n");
    if outcomes.len() > 1 {
        out.push_str("<p class=\"legend\">");
        for (place, outcome) in outcomes.iter().enumerate() {
            let _ =
                write!(out, "<span><i class=\"s{}\"></i>{}</span>", place % 6 + 1, escape(&outcome.label()));
        }
        out.push_str("</p>\n");
    }
    out.push_str("<div class=\"plots\">\n");
    for (caption, plot) in all {
        if let Some(plot) = plot {
            let _ = writeln!(out, "<figure><figcaption>{caption}</figcaption>\n{}</figure>", scalable(&plot));
        }
    }
    out.push_str("</div>\n");
}

/// Without a size of its own, so that it takes the column's.
fn scalable(svg: &str) -> String {
    let Some(end) = svg.find('>') else { return svg.to_owned() };
    let (head, rest) = svg.split_at(end);
    let kept: Vec<&str> =
        head.split(' ').filter(|word| !word.starts_with("width=") && !word.starts_with("height=")).collect();
    format!("{} role=\"img\"{rest}", kept.join(" "))
}

fn latencies(out: &mut String, outcomes: &[Outcome]) {
    let rows: Vec<(String, &Latency)> = outcomes
        .iter()
        .flat_map(|outcome| {
            let deliveries =
                outcome.latency.as_ref().map(|latency| (outcome.label() + ", delivery", latency));
            let answers = outcome.answers.as_ref().map(|latency| (outcome.label() + ", answer", latency));
            [deliveries, answers].into_iter().flatten()
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<h2>From the intended sending</h2>\n<div class=\"wide\"><table>\n<tr><th>until</th><th>measured</th><th>p50</th>\
         <th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n",
    );
    for (name, latency) in rows {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", escape(&name), number(latency.count as f64, ""));
        for us in [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us] {
            let _ = write!(out, "<td>{}</td>", duration(us));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

fn counts(out: &mut String, outcomes: &[Outcome]) {
    out.push_str(
        "<h2>Counted</h2>\n<div class=\"wide\"><table>\n<tr><th></th><th>published</th><th>delivered</th><th>lost</th>\
         <th>doubled</th><th>reordered</th><th>refused</th><th>cut off</th><th>gaps declared</th></tr>\n",
    );
    for outcome in outcomes {
        let c = &outcome.counts;
        let _ = write!(out, "<tr><td>{}</td>", escape(&outcome.label()));
        for (value, must_be_none) in [
            (c.published, false),
            (c.delivered, false),
            (c.lost, true),
            (c.doubled, true),
            (c.reordered, true),
            (c.refused, true),
            (c.broken, false),
            (c.declared, false),
        ] {
            let class = if must_be_none && value > 0 { " class=\"bad\"" } else { "" };
            let _ = write!(out, "<td{class}>{}</td>", number(value as f64, ""));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Counts;

    fn outcome(target: &str, lost: u64) -> Outcome {
        Outcome {
            scenario: "fanout".to_owned(),
            target: target.to_owned(),
            name: None,
            command: "rcomet-sim fanout --name '<b>'".to_owned(),
            settings: vec![("subscribers".to_owned(), "10".to_owned())],
            counts: Counts { published: 5, delivered: 50 - lost, lost, ..Counts::default() },
            complaint: None,
            failure: None,
            warnings: vec!["nobody <was> slow".to_owned()],
            latency: Some(Latency {
                count: 50,
                p50_us: 100.0,
                p90_us: 200.0,
                p99_us: 3_000.0,
                p999_us: 3_000.0,
                max_us: 3_000.0,
                curve: vec![(0.0, 50.0), (0.5, 100.0), (0.9, 200.0), (1.0, 3_000.0)],
            }),
            answers: None,
            figures: [("deliveries_per_second".to_owned(), 12_345.0)].into(),
            samples: Vec::new(),
            deliveries_per_second: vec![10.0, 30.0, 20.0],
        }
    }

    #[test]
    fn what_latency_is_worth_depends_on_the_pace() {
        let with = |pace: &str| {
            let mut outcome = outcome("rcomet", 0);
            outcome.settings.push(("pace".to_owned(), pace.to_owned()));
            outcome
        };
        let (open, closed) =
            (with("10 messages a second, open loop"), with("as fast as they have it, 1 on their way"));
        let text = page(std::slice::from_ref(&open));
        assert!(text.contains("cannot hide it") && !text.contains("closed loop"), "{text}");
        for closed in [&closed, &with("closed loop")] {
            let text = page(std::slice::from_ref(closed));
            assert!(text.contains("This is a closed loop") && !text.contains("cannot hide it"), "{text}");
        }
        let text = page(&[open, closed]);
        assert!(text.contains("hides it there") && !text.contains("cannot hide it"), "{text}");
    }

    #[test]
    fn a_page_needs_nothing_else_and_says_what_is_wrong() {
        let good = page(&[outcome("rcomet", 0)]);
        assert!(good.contains("Everybody got everything") && good.contains("12,345"), "{good}");
        assert_eq!(good.matches("<svg").count(), 2, "latency and deliveries; nothing is known of the server");
        for elsewhere in ["src=", "href=", "@import", "url("] {
            assert!(!good.contains(elsewhere), "{elsewhere} would have to be fetched");
        }
        assert!(good.contains("<p>rcomet: nobody &lt;was&gt; slow</p>"), "{good}");
        assert!(good.contains("&lt;b&gt;") && !good.contains("<b>'"), "what is typed is text");
        let bad = page(&[outcome("rcomet", 0), outcome("floor", 2)]);
        assert!(
            bad.contains("verdict bad\">floor: 2 lost") && !bad.contains("Everybody got everything"),
            "{bad}"
        );
        assert!(bad.contains("class=\"s2\""), "two lines have a legend");
    }
}
