//! What helps a person who mistyped: the nearest name that there is, and commands that can be typed as printed.
//!
//! A text that suggests a command has it between backquotes and calls the program `ebm`; the program puts the name
//! that it was started by in its place.

/// A path as a shell takes it for one word.
pub fn quoted(path: impl AsRef<std::path::Path>) -> String {
    quoted_text(&path.as_ref().to_string_lossy())
}

/// A text as a shell takes it for one word.
pub fn quoted_text(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `; did you mean NAME?` for the known name that is nearest to `found`, or nothing if none is near.
pub fn near<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    /// The least similarity, of 0 to 1.
    const NEAR: f64 = 0.75;
    let found = found.to_lowercase();
    let likeness = |name: &'a str| {
        let known = name.to_lowercase();
        let likeness = strsim::jaro_winkler(&found, &known);
        // A letter changed, added, left out or swapped is near in a short word too.
        let is_slip = 2 < found.chars().count() && strsim::damerau_levenshtein(&found, &known) == 1;
        (if is_slip { 1.0 + likeness } else { likeness }, name)
    };
    let nearest = known.into_iter().map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, name)) if NEAR < likeness => format!("; did you mean {name}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_are_quoted_where_a_shell_would_split_them() {
        for (text, expected) in
            [("runs/a-1", "runs/a-1"), ("my runs", "'my runs'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted_text(text), expected);
        }
    }

    #[test]
    fn a_near_miss_is_answered_with_the_name_and_nonsense_with_nothing() {
        let known =
            ["mnist", "fashion-mnist", "two-moons", "two-moons-cd", "learning_rate", "steps", "unet", "mlp"];
        let misses = [
            ("mnits", "mnist"),
            ("two_moons", "two-moons"),
            ("TwoMoons", "two-moons"),
            ("leraning_rate", "learning_rate"),
            ("step", "steps"),
            ("fashion_mnist", "fashion-mnist"),
            ("mpl", "mlp"),
        ];
        for (found, expected) in misses {
            assert_eq!(near(found, known), format!("; did you mean {expected}?"));
        }
        for nonsense in ["", "zzz", "quark", "7"] {
            assert_eq!(near(nonsense, known), "", "{nonsense}");
        }
    }
}
