//! The page's files, which are part of the program.

/// Path, kind, content.
pub(super) const FILES: [(&str, &str, &str); 7] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../page/page.css")),
    ("/page/main.js", SCRIPT, include_str!("../page/main.js")),
    ("/page/map.js", SCRIPT, include_str!("../page/map.js")),
    ("/page/model.js", SCRIPT, include_str!("../page/model.js")),
    ("/page/panel.js", SCRIPT, include_str!("../page/panel.js")),
    ("/page/text.js", SCRIPT, include_str!("../page/text.js")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";
