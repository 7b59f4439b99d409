//! `.sym`: a line `label,wire,component,name` per signal. Wire −1: the compiler did away with it.

use super::FormatError;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A named signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its number among all signals of the source; 0 is the constant one and has no line.
    pub label: u64,
    /// Its wire, if it still has one.
    pub wire: Option<u32>,
    /// Number of the component that it belongs to.
    pub component: u32,
    /// Its name with those of the components around it: `main.path.level3.hash[17]`.
    pub name: String,
}

/// The symbols of a circuit whose wires are all there, from their names (wire 0's is left out).
/// Components are numbered as they first occur; `main` comes first.
pub fn symbols(names: &[String]) -> Vec<Symbol> {
    let mut components = BTreeMap::from([("main".to_owned(), 0)]);
    let symbol = |(wire, name): (usize, &String)| {
        let name = format!("main.{name}");
        let path = name.rsplit_once('.').map_or("main", |(path, _)| path).to_owned();
        let next = components.len() as u32;
        let component = *components.entry(path).or_insert(next);
        Symbol { label: wire as u64, wire: Some(wire as u32), component, name }
    };
    names.iter().enumerate().skip(1).map(symbol).collect()
}

/// Writes the file.
pub fn write_sym(symbols: &[Symbol]) -> String {
    let mut out = String::new();
    for Symbol { label, wire, component, name } in symbols {
        let wire = wire.map_or_else(|| "-1".into(), |wire| wire.to_string());
        // Writing to a String does not fail.
        _ = writeln!(out, "{label},{wire},{component},{name}");
    }
    out
}

/// Reads the file.
pub fn read_sym(bytes: &[u8]) -> Result<Vec<Symbol>, FormatError> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        FormatError::Line(1 + before.iter().filter(|byte| **byte == b'\n').count())
    })?;
    let lines = text.lines().enumerate();
    lines.map(|(i, line)| symbol(line).ok_or(FormatError::Line(i + 1))).collect()
}

fn symbol(line: &str) -> Option<Symbol> {
    let mut parts = line.split(',');
    let (label, wire, component, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let wire = if wire == "-1" { None } else { Some(number(wire)?) };
    let plain = |c: char| c.is_ascii_graphic();
    if parts.next().is_some() || name.is_empty() || !name.chars().all(plain) {
        return None;
    }
    Some(Symbol { label: number(label)?, wire, component: number(component)?, name: name.into() })
}

/// Digits alone: `parse` would take a sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
