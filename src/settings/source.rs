//! Where settings come from: a file, and flags that go before it.
//! Knows nothing of what they mean; names and types are checked in one place, the structs.
use std::path::{self, Path, PathBuf};
use std::{env, io};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::fault::in_plain_words;
use super::{Fault, Settings, content, number};

/// A file, perhaps, and what the flags say. It can be read again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// The file.
    pub(crate) file: Option<PathBuf>,
    /// The flags, in the shape of a file.
    pub(crate) flags: Table,
    /// The directory that names of files start from: empty for the one that the process is in.
    pub(crate) from: PathBuf,
}

impl Source {
    /// Goes on to mean the same files when the process goes to another directory.
    pub(crate) fn stay(&mut self) {
        // A directory that is there no more has no files that could be meant.
        self.from = env::current_dir().unwrap_or_default();
        self.file = self.file.take().map(|file| self.from.join(file));
    }

    /// Where the file is, from the root on.
    pub(crate) fn whole_path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| path::absolute(file).unwrap_or_else(|_| file.clone()))
    }

    /// Reads and checks all of it, and gives also what has been said, in the shape of a file.
    ///
    /// # Errors
    /// The first thing that cannot be used.
    pub(crate) fn read(&self) -> Result<(Settings, Table), Fault> {
        self.read_by(content::plain)
    }

    /// The same, but the file may be a pipe, which cannot be read again.
    pub(crate) fn read_once(&self) -> Result<(Settings, Table), Fault> {
        self.read_by(content::once)
    }

    fn read_by(&self, read: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<(Settings, Table), Fault> {
        let Some(path) = &self.file else { return merge("", "", &self.flags, &self.from) };
        let name = path.display().to_string();
        let content = read(path).map_err(|error| Fault::nowhere(format!("cannot read {name}: {error}")))?;
        merge(&name, &Fault::unless_text(&name, content)?, &self.flags, &self.from)
    }
}

impl Source {
    /// What the file says and is not in force, because a flag says otherwise: options with what the file says.
    pub(crate) fn overruled(&self) -> Vec<(String, Value)> {
        let content = self.file.as_ref().and_then(|path| content::plain(path).ok());
        let content = content.and_then(|content| String::from_utf8(content).ok());
        let mut table: Table = content.and_then(|content| content.parse().ok()).unwrap_or_default();
        with_real_names(&mut table);
        let flags = self.flags.iter().filter_map(|(section, options)| Some((section, options.as_table()?)));
        let all = flags
            .flat_map(|(section, options)| options.iter().map(move |(name, flag)| (section, name, flag)));
        all.filter_map(|(section, name, flag)| {
            let path = format!("{section}.{name}");
            lookup(&table, &path).filter(|said| *said != flag).cloned().map(|said| (path, said))
        })
        .collect()
    }
}

/// Reads and checks settings that are not in a file, or no longer.
///
/// # Errors
/// The first thing that cannot be used.
pub(crate) fn parse(name: &str, content: &str) -> Result<Settings, Fault> {
    merge(name, content, &Table::new(), Path::new("")).map(|(settings, _)| settings)
}

fn merge(name: &str, content: &str, flags: &Table, from: &Path) -> Result<(Settings, Table), Fault> {
    // The file is first read for itself, so that what is wrong in it has a place.
    if let Some(fault) = misshapen(name, content) {
        return Err(fault);
    }
    let wrong = |error: toml::de::Error| match (number::beyond(content, &error), error.span()) {
        (Some(words), Some(span)) => Fault::at(name, content, &span, words),
        _ => Fault::from_toml(name, content, &error),
    };
    toml::from_str::<Settings>(content).map_err(wrong)?;
    let mut table: Table = toml::from_str(content).map_err(wrong)?;
    let flagged = |path: &str| lookup(flags, path).is_some();
    for (section, options) in flags {
        match (table.entry(section.clone()).or_insert_with(|| Table::new().into()), options) {
            (Value::Table(into), Value::Table(from)) => into.extend(from.clone()),
            (into, from) => *into = from.clone(),
        }
    }
    with_real_names(&mut table);
    let mut settings = Settings::deserialize(table.clone())
        .map_err(|error| Fault::nowhere(in_plain_words(error.message())))?;
    let read =
        |file: &str| content::plain(&from.join(file)).map_err(|error| format!("cannot read {file}: {error}"));
    let loaded = settings.token.load(read);
    let pid_file = &mut settings.server.pid_file;
    if !pid_file.is_empty() {
        *pid_file = from.join(&*pid_file).display().to_string();
    }
    loaded.and_then(|()| settings.check()).map_err(|message| {
        let path = message.split([' ', ':']).next().unwrap_or_default();
        match place_of(content, path).filter(|_| !flagged(path)) {
            Some(span) => Fault::at(name, content, &span, message),
            None => Fault::nowhere(message),
        }
    })?;
    Ok((settings, table))
}

/// Options that can be called by another name as well.
pub(super) const ALIASES: [(&str, &str, &str); 1] =
    [("simple_comet", "messages_per_channel", "max_messages_per_channel")];

/// What is wrong with the shape of a file.
fn misshapen(name: &str, content: &str) -> Option<Fault> {
    let checks = [named_twice, single_bracket, no_table];
    checks.iter().find_map(|check| check(name, content))
}

/// What is wrong with an option that is there by both of its names: the TOML reader would complain of the one that was not written.
fn named_twice(file: &str, content: &str) -> Option<Fault> {
    let table = DeTable::parse(content).ok()?;
    ALIASES.iter().find_map(|(section, alias, name)| {
        let DeValue::Table(options) = table.get_ref().get(*section)?.get_ref() else { return None };
        options.get(*name)?;
        let span = options.get(*alias)?.span();
        let words = format!("{section}.{alias} is another name of {name}, and both are there: expected one");
        Some(Fault::at(file, content, &span, words))
    })
}

/// Sections that there may be several of.
const SEVERAL: [(&str, &str); 3] = [("push", "location"), ("history", "rule"), ("token", "keys")];

/// What is wrong with one that is written as if there were only one: the TOML reader would ask for a list.
fn single_bracket(file: &str, content: &str) -> Option<Fault> {
    let table = DeTable::parse(content).ok()?;
    SEVERAL.iter().find_map(|(section, list)| {
        let DeValue::Table(options) = table.get_ref().get(*section)?.get_ref() else { return None };
        let said = options.get(*list).filter(|said| matches!(said.get_ref(), DeValue::Table(_)))?;
        let path = format!("{section}.{list}");
        let words =
            format!("{path}: there may be several of them: expected two brackets on each side, [[{path}]]");
        Some(Fault::at(file, content, &said.span(), words))
    })
}

/// What is wrong with a section that is written as if there could be several, or with one of several that is no table: the TOML reader
/// would take a list for the options of a section, in their order.
fn no_table(file: &str, content: &str) -> Option<Fault> {
    let table = DeTable::parse(content).ok()?;
    let is_section = |name: &str| toml::from_str::<Settings>(&format!("[{name}]")).is_ok();
    let mut all = table.get_ref().iter();
    let list =
        all.find(|(name, said)| matches!(said.get_ref(), DeValue::Array(_)) && is_section(name.get_ref()));
    if let Some((name, said)) = list {
        let name = name.get_ref();
        let words =
            format!("{name}: there is one section of this name: expected one bracket on each side, [{name}]");
        return Some(Fault::at(file, content, &said.span(), words));
    }
    SEVERAL.iter().find_map(|(section, list)| {
        let DeValue::Table(options) = table.get_ref().get(*section)?.get_ref() else { return None };
        let said = options.get(*list)?;
        let said = match said.get_ref() {
            DeValue::Array(all) => all.iter().find(|one| !matches!(one.get_ref(), DeValue::Table(_)))?,
            DeValue::Table(_) => return None,
            _ => said,
        };
        let path = format!("{section}.{list}");
        let words = format!("{path}: this is no section: expected [[{path}]], with options below it");
        Some(Fault::at(file, content, &said.span(), words))
    })
}

/// Calls every option by its own name.
fn with_real_names(table: &mut Table) {
    for (section, alias, name) in ALIASES {
        if let Some(Value::Table(options)) = table.get_mut(section)
            && let Some(value) = options.remove(alias)
        {
            options.insert(name.into(), value);
        }
    }
}

fn lookup<'t>(table: &'t Table, path: &str) -> Option<&'t Value> {
    let (section, option) = path.split_once('.')?;
    table.get(section)?.get(option)
}

/// Where the value of `section.option` stands in a file, or of `section.list[0].option`, or `section.list[0]`.
fn place_of(content: &str, path: &str) -> Option<std::ops::Range<usize>> {
    let (section, option) = path.split_once('.')?;
    let table = DeTable::parse(content).ok()?;
    let DeValue::Table(options) = table.get_ref().get(section)?.get_ref() else { return None };
    let Some((list, rest)) = option.split_once('[') else {
        let other = ALIASES.iter().find(|(of, _, name)| (*of, *name) == (section, option));
        let said = options.get(option).or_else(|| options.get(other?.1));
        return Some(said?.span());
    };
    let (at, option) = rest.split_once(']')?;
    let DeValue::Array(all) = options.get(list)?.get_ref() else { return None };
    let one = all.get(at.parse::<usize>().ok()?)?;
    let DeValue::Table(options) = one.get_ref() else { return None };
    // What is not said has the place of what lacks it.
    Some(
        option
            .strip_prefix('.')
            .and_then(|option| options.get(option))
            .map_or(one.span(), |said| said.span()),
    )
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
