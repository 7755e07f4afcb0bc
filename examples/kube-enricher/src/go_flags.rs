//! Go's way of writing flags, turned into clap's.
//!
//! The original took `-mapping X`, `-mapping=X` and the same with two dashes; manifests and scripts are full of them.

use std::ffi::OsString;

/// Gives known names behind one dash a second one. Everything behind `--`, and every value, stays as it is.
pub(crate) fn doubled(arguments: impl IntoIterator<Item = OsString>, flags: &[String], options: &[String]) -> Vec<OsString> {
    let mut out = Vec::new();
    let mut arguments = arguments.into_iter();
    out.extend(arguments.next());
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            out.push(argument);
            break;
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let dashes = name.bytes().take_while(|octet| *octet == b'-').count();
        let plain = name.trim_start_matches('-');
        let is = |names: &[String]| (1..=2).contains(&dashes) && names.iter().any(|known| known == plain);
        if is(flags) {
            // Go's flags can be told their value: `-v=true`.
            match value {
                None | Some("true" | "t" | "T" | "TRUE" | "True" | "1") => out.push(format!("{}{plain}", dash(plain)).into()),
                Some("false" | "f" | "F" | "FALSE" | "False" | "0") => {}
                Some(_) => out.push(argument),
            }
        } else if is(options) {
            out.push(text.replacen(name, &format!("--{plain}"), 1).into());
            if value.is_none() {
                // The next is its value, whatever it looks like.
                out.extend(arguments.next());
            }
        } else {
            out.push(argument);
        }
    }
    out.extend(arguments);
    out
}

const fn dash(name: &str) -> &'static str {
    if name.len() == 1 { "-" } else { "--" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_and_two() {
        let doubled = |line: &str| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let words = line.split(' ').map(OsString::from);
            let out = doubled(words, &names(&["v", "compat"]), &names(&["mapping", "loglevel"]));
            out.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        for (line, out) in [
            ("p -mapping A=B -loglevel trace", "p --mapping A=B --loglevel trace"),
            ("p -mapping=A=B,C=D --loglevel=x", "p --mapping=A=B,C=D --loglevel=x"),
            ("p --mapping -v -v", "p --mapping -v -v"),
            ("p -v=true -compat=false -compat=1 --v", "p -v --compat -v"),
            ("p -v=maybe -unknown -x", "p -v=maybe -unknown -x"),
            ("p -- -mapping", "p -- -mapping"),
            ("p ---mapping x", "p ---mapping x"),
        ] {
            assert_eq!(doubled(line), out, "{line}");
        }
    }
}
