//! The page's three files, which are part of the program.

pub(super) const HTML: &str = include_str!("../page/index.html");
pub(super) const STYLE: &str = include_str!("../page/page.css");
pub(super) const SCRIPT: &str = include_str!("../page/page.js");
