//! The settings that are in force, in the shape of a file.
//! Knows nothing of what they mean.
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The file that comes with the daemon. A test holds it to name every option with its default.
const EXAMPLE: &str = include_str!("../../rcomet.example.toml");

/// Every option with the value that `chosen`, or else the default, gives it.
pub(crate) fn effective(chosen: &Table) -> String {
    let mut text = String::new();
    for (section, options) in in_order(EXAMPLE) {
        text += &format!("\n[{section}]\n");
        for (option, default) in options {
            let value = chosen.get(&section).and_then(|table| table.get(&option)).unwrap_or(&default);
            if section == "token" && option == "keys" {
                text += &keys(value);
                continue;
            }
            text += &format!("{option} = {value}\n");
        }
    }
    text
}

/// Keys, without their secrets: what is shown may be kept, or sent to somebody.
fn keys(value: &Value) -> String {
    let mut keys = value.clone();
    let mut is_hidden = false;
    for key in keys.as_array_mut().into_iter().flatten() {
        if let Some(secret) = key.as_table_mut().and_then(|key| key.get_mut("secret")) {
            *secret = "(not shown)".into();
            is_hidden = true;
        }
    }
    format!("{}keys = {keys}\n", if is_hidden { "# Secrets are not shown.\n" } else { "" })
}

type Section = (String, Vec<(String, Value)>);

/// The sections of a file and their options, as they stand in it: a TOML table by itself has no order.
fn in_order(content: &str) -> Vec<Section> {
    let values: Table = toml::from_str(content).unwrap_or_default();
    let Ok(places) = DeTable::parse(content) else { return Vec::new() };
    let mut sections: Vec<_> = places.get_ref().iter().collect();
    sections.sort_by_key(|(name, _)| name.span().start);
    let options_of = |name: &str, table: &DeTable<'_>| {
        let mut options: Vec<_> = table.keys().collect();
        options.sort_by_key(|option| option.span().start);
        let value = |option: &str| values.get(name).and_then(|table| table.get(option)).cloned();
        let options = options.iter().map(|option| option.get_ref().to_string());
        options.filter_map(|option| value(&option).map(|value| (option, value))).collect()
    };
    sections
        .iter()
        .filter_map(|(name, table)| match table.get_ref() {
            DeValue::Table(table) => Some((name.get_ref().to_string(), options_of(name.get_ref(), table))),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, parse, source};

    #[test]
    fn the_example_means_the_same_as_no_file() {
        assert_eq!(parse("rcomet.example.toml", EXAMPLE), Ok(Settings::default()));
    }

    /// The names that are known in a section, or in the file, in the order of the structs: serde lists them when it
    /// meets one that it does not know.
    fn known(content: &str) -> Vec<String> {
        let refused = toml::from_str::<Settings>(content).expect_err("no such option").message().to_owned();
        let (_, expected) = refused.split_once("expected ").expect("a list of names");
        let aliases = source::ALIASES.map(|(_, alias, _)| alias);
        let names = expected.split('`').skip(1).step_by(2).filter(|name| !aliases.contains(name));
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_example_names_every_option_in_the_order_of_the_structs() {
        let shown = in_order(EXAMPLE);
        let sections: Vec<_> = shown.iter().map(|(section, _)| section.clone()).collect();
        assert_eq!(sections, known("nonesuch = 1"));
        for (section, options) in shown {
            let options: Vec<_> = options.into_iter().map(|(option, _)| option).collect();
            assert_eq!(options, known(&format!("[{section}]\nnonesuch = 1")), "[{section}]");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let file = "[[token.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
        let shown = effective(&toml::from_str(file).expect("TOML"));
        assert!(
            !shown.contains("0123456789") && shown.contains("\n# Secrets are not shown.\nkeys = ["),
            "{shown}"
        );
        assert!(shown.contains("id = \"a\""));
    }

    #[test]
    fn what_is_shown_can_be_used_and_means_the_same() {
        assert_eq!(parse("shown", &effective(&Table::new())), Ok(Settings::default()));
        let file = "[server]\nfront = [\"[::1]:1\", \"127.0.0.1:2\"]\n[front]\npublish = [\"a\\\"b\", \"c.*\"]\n[limits]\nidle_ms_max = 7\n";
        let shown = effective(&toml::from_str(file).expect("TOML"));
        assert_eq!(parse("shown", &shown), parse("file", file));
        assert!(
            shown.starts_with(
                "\n[server]\nfront = [\"[::1]:1\", \"127.0.0.1:2\"]\nadmin = [\"127.0.0.1:8000\"]\n"
            ),
            "{shown}"
        );
    }
}
