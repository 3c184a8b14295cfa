//! The bound book, as a browser reads it from the disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::links::is_elsewhere;

/// mdBook's page for servers, whose links are those of a server.
const NOT_FOUND: &str = "404.html";

/// A line for each link or picture that leads nowhere, and for all that is loaded from a network.
///
/// # Errors
/// If a page cannot be read.
pub fn problems(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, error))?;
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "html");
    let mut pages: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_page).collect();
    pages.sort();
    let mut wrong = Vec::new();
    for path in pages.iter().filter(|path| !path.ends_with(NOT_FOUND)) {
        let html = fs::read_to_string(path).map_err(|error| failed(path, error))?;
        let problem = |link: &str, what: &str| format!("{}: {link} {what}", path.display());
        for (tag, link) in links(&html) {
            if link.starts_with("data:") || is_elsewhere(&link) {
                if tag != "a" && is_elsewhere(&link) {
                    wrong.push(problem(&link, "is loaded from a network"));
                }
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            if !file.exists() {
                wrong.push(problem(&link, "leads nowhere"));
            } else if !part.is_empty() && is_page(&file) {
                let html = fs::read_to_string(&file).map_err(|error| failed(&file, error))?;
                if !html.contains(&format!("id=\"{part}\"")) {
                    wrong.push(problem(&link, "leads to no part of the page"));
                }
            }
        }
    }
    Ok(wrong)
}

/// Where the attributes `href` and `src` of a page lead, each with the name of its tag.
fn links(html: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, name) = (tag.split('>').next().unwrap_or_default(), tag.split_whitespace().next());
        for attribute in [" href=\"", " src=\""] {
            let value = tag.split_once(attribute).and_then(|(_, rest)| rest.split_once('"'));
            if let (Some(name), Some((value, _))) = (name, value) {
                found.push((name, value.replace("&amp;", "&")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_no_file_and_no_part_are_found_and_what_a_network_is_needed_for() {
        let folder = std::env::temp_dir().join(format!("ebm-bound-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let page = |name: &str, html: &str| fs::write(folder.join(name), html).unwrap();
        page("b.html", "<h2 id=\"part\">b</h2>");
        let right = "<a href=\"b.html#part\">b</a> <a href=\"https://arxiv.org\">x</a> <img src=\"data:,\">";
        page("a.html", right);
        page(NOT_FOUND, "<a href=\"nowhere.html\">");
        assert!(problems(&folder).unwrap().is_empty());
        for (link, what) in [
            ("<a href=\"c.html\">", "c.html leads nowhere"),
            ("<img alt=\"a\" src=\"c.png\">", "c.png leads nowhere"),
            ("<a class=\"x\" href=\"b.html#other\">", "b.html#other leads to no part of the page"),
            ("<a href=\"#here\">", "#here leads to no part of the page"),
            ("<script src=\"https://a.b/c.js\">", "https://a.b/c.js is loaded from a network"),
        ] {
            page("a.html", &format!("{right}\n{link}"));
            let found = problems(&folder).unwrap();
            assert!(found.len() == 1 && found[0].ends_with(what), "{link}: {found:?}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
