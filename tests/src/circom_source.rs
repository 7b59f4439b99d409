//! A circuit's rows as circom source, so that circom's compiler can say what it takes them to mean and
//! tools that read circom can look at them. A signal `w7` per wire, a statement per row, in their order.
//!
//! A row with one wire that no earlier row has, in C alone, gives that wire: it becomes `<==`. Any other
//! becomes `===`, and wires that it has first (bits) get a hint `<--` before it. Hints are no part of what
//! the rows mean; a hint is made of a wire that a row relates to the new one, as a person would write it,
//! for tools that follow data.

use ark_ff::{AdditiveGroup, Field};
use std::fmt::Write;
use veilpass_params::circom::R1cs;
use veilpass_protocol::field::Fr;

type Entries = [(Fr, usize)];

/// The source.
pub fn source(r1cs: &R1cs, names: &[String]) -> String {
    let mut out = String::from("pragma circom 2.0.0;\n\ntemplate Main() {\n");
    let inputs = r1cs.inputs().unwrap_or_else(|e| panic!("{e}"));
    let is_input = |wire: usize| inputs.public.contains(&wire) || inputs.private.contains(&wire);
    for (wire, name) in names.iter().enumerate().skip(1) {
        let kind = match wire {
            _ if wire <= r1cs.outputs => "signal output",
            _ if is_input(wire) => "signal input",
            _ => "signal",
        };
        line(&mut out, format_args!("{kind} w{wire}; // {name}"));
    }
    let mut given: Vec<bool> = (0..r1cs.matrices.wires).map(|wire| wire == 0 || is_input(wire)).collect();
    let rows = rows(r1cs);
    for (i, [a, b, c]) in rows.iter().enumerate() {
        let mut new: Vec<usize> = [*a, *b, *c].into_iter().flatten().map(|(_, wire)| *wire).collect();
        new.retain(|wire| !given[*wire]);
        new.sort_unstable();
        new.dedup();
        if let [wire] = new[..]
            && let Some((coefficient, _)) = c.iter().find(|(_, w)| *w == wire)
            && ![a, b].into_iter().any(|m| m.iter().any(|(_, w)| *w == wire))
            && let Some(scale) = coefficient.inverse()
        {
            let a: Vec<(Fr, usize)> = a.iter().map(|(x, w)| (*x * scale, *w)).collect();
            let rest = c.iter().filter(|(_, w)| *w != wire);
            let rest: Vec<(Fr, usize)> = rest.map(|(x, w)| (-*x * scale, *w)).collect();
            let rest = if rest.is_empty() { String::new() } else { format!(" + {}", sum(&rest)) };
            line(&mut out, format_args!("w{wire} <== ({}) * ({}){rest};", sum(&a), sum(b)));
        } else {
            for wire in &new {
                line(&mut out, format_args!("w{wire} <-- {};", hint(&rows[i..], *wire, &given)));
            }
            line(&mut out, format_args!("({}) * ({}) === {};", sum(a), sum(b), sum(c)));
        }
        new.into_iter().for_each(|wire| given[wire] = true);
    }
    let public: Vec<String> = inputs.public.iter().map(|wire| format!("w{wire}")).collect();
    let public =
        if public.is_empty() { String::new() } else { format!("{{public [{}]}} ", public.join(", ")) };
    out += &format!("}}\n\ncomponent main {public}= Main();\n");
    out
}

fn rows(r1cs: &R1cs) -> Vec<[&Entries; 3]> {
    let [a, b, c] = &r1cs.matrices.abc;
    a.iter().zip(b).zip(c).map(|((a, b), c)| [&a[..], &b[..], &c[..]]).collect()
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "    {text}").unwrap_or_else(|e| panic!("{e}"));
}

/// A bit of the first given wire that a row relates the wire to.
fn hint(rows: &[[&Entries; 3]], wire: usize, given: &[bool]) -> String {
    let has = |side: &&&Entries| side.iter().any(|(_, w)| *w == wire);
    let related = rows.iter().flat_map(|row| row.iter().filter(has)).copied().flatten();
    let known = related.map(|(_, wire)| *wire).find(|wire| *wire != 0 && given[*wire]);
    known.map_or("0".into(), |known| format!("(w{known} >> {}) & 1", wire % 16))
}

/// `3*w5 + 8*w6 - 1`; small negative numbers with a minus.
fn sum(entries: &Entries) -> String {
    let mut out = String::new();
    for (coefficient, wire) in entries {
        let negative = -*coefficient;
        let (sign, size) = if negative.to_string().len() < coefficient.to_string().len() {
            ("-", negative)
        } else {
            ("+", *coefficient)
        };
        match (out.is_empty(), sign) {
            (true, "+") => (),
            (true, _) => out += "-",
            (false, _) => out += &format!(" {sign} "),
        }
        out += &match (*wire, size == Fr::ONE) {
            (0, _) => size.to_string(),
            (_, true) => format!("w{wire}"),
            (_, false) => format!("{size}*w{wire}"),
        };
    }
    if out.is_empty() { Fr::ZERO.to_string() } else { out }
}
