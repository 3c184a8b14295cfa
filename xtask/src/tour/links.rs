//! Links in a text, and which of them lead out of the repository.

/// Where the links of a line or text lead, in order: what stands between `](` and `)`.
pub fn targets(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.trim().to_owned()).collect()
}

/// Whether a link leads to another place than this repository.
pub fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// Whether a link is to a picture that a command makes.
pub fn is_picture(link: &str) -> bool {
    link.starts_with("pictures/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pictures_are_found_in_order() {
        let text = "see [a](one.md#part), ![b](pictures/two.png) and f(x)[0](y) but not (z)";
        assert_eq!(targets(text), ["one.md#part", "pictures/two.png", "y"]);
        assert!(is_elsewhere("https://arxiv.org/abs/1907.05600") && !is_elsewhere("../a.rs"));
    }
}
