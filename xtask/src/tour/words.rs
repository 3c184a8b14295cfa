//! A command as a shell would split it.

/// The words of a line: at spaces, but for what is quoted; nothing from a `#` on.
///
/// # Errors
/// If a quote has no end, or the line needs a shell: there is a pipe, a redirection or a variable in it.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None if c == '#' && word.is_none() => return Ok(words),
            None if "|<>&;$`*".contains(c) && words.first().is_some_and(|first| first == "ebm") => {
                return Err(format!("{line:?} needs a shell: {c}"));
            }
            None => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(format!("{line:?}: a quote has no end"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_spaces_and_a_hash_begins_a_comment() {
        let line = "ebm train --set 'a=[1, 2]' --name \"x y\"'z' '' c#d # rest";
        let expected = ["ebm", "train", "--set", "a=[1, 2]", "--name", "x yz", "", "c#d"];
        assert_eq!(words(line).unwrap(), expected);
        assert!(words("").unwrap().is_empty());
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for line in ["ebm energy run | head", "ebm inspect run > file", "ebm train 'x"] {
            assert!(words(line).is_err(), "{line}");
        }
        assert!(words("done: 5 steps | 3 s").is_ok(), "output that is shown is no command");
    }
}
