//! A page: its commands, what is expected of them, and its links.

use super::expectation::Expectation;
use super::links::{is_picture, targets};
use super::words::words;

/// Pages without an exercise and code: those that only lead to others.
const PLAIN: [&str; 1] = ["introduction.md"];

/// A page of the tour.
pub struct Page {
    /// Its file's name.
    pub name: String,
    /// What is run, in order.
    pub commands: Vec<Asked>,
    /// Where its links and pictures lead.
    pub links: Vec<String>,
    /// What a reader sees.
    visible: String,
}

/// A command, and what is expected of it.
pub struct Asked {
    /// The words after `ebm`.
    pub arguments: Vec<String>,
    /// What its output must say.
    pub expectations: Vec<Expectation>,
}

impl Page {
    /// Reads the text of a page.
    ///
    /// # Errors
    /// A line about the comment or command that cannot be understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut page = Self { name: name.into(), commands: vec![], links: vec![], visible: String::new() };
        let at = |number: usize, error: String| format!("{name}, line {}: {error}", number + 1);
        let (mut fence, mut is_skipped, mut begun) = (None::<String>, false, String::new());
        for (number, line) in text.lines().enumerate() {
            let stripped = line.trim();
            if let Some(comment) = stripped.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) {
                page.comment(comment.trim(), &mut is_skipped).map_err(|error| at(number, error))?;
                continue;
            }
            page.visible += line;
            page.visible.push('\n');
            if let Some(info) = stripped.strip_prefix("```") {
                if fence.take().is_some() {
                    is_skipped = false;
                } else {
                    fence = Some(info.to_owned());
                }
                continue;
            }
            match fence.as_deref() {
                None => page.links.extend(targets(line)),
                Some("console") if !is_skipped => {
                    let goes_on = stripped.strip_suffix('\\');
                    begun += goes_on.unwrap_or(stripped);
                    if goes_on.is_none() {
                        let whole = std::mem::take(&mut begun);
                        page.command(&whole).map_err(|error| at(number, error))?;
                    }
                }
                Some(_) => {}
            }
        }
        if fence.is_some() {
            return Err(format!("{name}: a block of code has no end"));
        }
        Ok(page)
    }

    /// The pictures that its commands make.
    pub fn pictures(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(String::as_str).filter(|link| is_picture(link))
    }

    /// Takes in a line of a console, if it is a command of `ebm`.
    fn command(&mut self, line: &str) -> Result<(), String> {
        let words = words(line)?;
        if let Some(("ebm", arguments)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
            self.commands.push(Asked { arguments: arguments.to_vec(), expectations: vec![] });
        }
        Ok(())
    }

    fn comment(&mut self, comment: &str, is_skipped: &mut bool) -> Result<(), String> {
        match comment.split_once(':').map(|(what, rest)| (what, rest.trim())) {
            Some(("run", command)) => self.command(command),
            Some(("skip", reason)) if !reason.is_empty() => {
                *is_skipped = true;
                Ok(())
            }
            Some(("expect", text)) => {
                let expectation = Expectation::parse(text)?;
                let last = self.commands.last_mut();
                last.ok_or("no command stands before it")?.expectations.push(expectation);
                Ok(())
            }
            _ => Err(format!("{comment:?} is no run:, skip: or expect:")),
        }
    }

    /// What is missing: the formula, the ten lines, the picture, the exercise, the place in the code, a number that is
    /// checked and not shown.
    pub fn problems(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !PLAIN.contains(&self.name.as_str()) {
            let has = |text: &str| self.visible.contains(text);
            let parts = [
                (has("```text"), "no formula"),
                (has("```rust"), "no lines of Rust"),
                (has("```console"), "no command"),
                (has("!["), "no picture"),
                (has("<details>"), "no exercise with its answer"),
                (self.links.iter().any(|link| link.contains("/crates/")), "no link to the code"),
            ];
            wrong.extend(
                parts.iter().filter(|(is_there, _)| !is_there).map(|(_, missing)| (*missing).to_owned()),
            );
        }
        for expectation in self.commands.iter().flat_map(|command| &command.expectations) {
            if !self.visible.replace('−', "-").contains(&expectation.shown) {
                wrong.push(format!("{} is expected and stands nowhere", expectation.shown));
            }
        }
        wrong.into_iter().map(|problem| format!("{}: {problem}", self.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page
```text
E = x²
```
![A line](pictures/a.png)
It is 1.05, see [the code](../../../crates/ebm-ops/src/lib.rs).
```rust
let [a](b) = c;
```
<!-- run: ebm inspect run -->
```console
$ cd elsewhere
ebm sample gaussian --draws 100 \\
    --out 'my pictures/a.png'   # a comment
```
<!-- expect: coordinates.0.sd = 1.05 ± 0.02 -->
<!-- skip: it takes an hour -->
```console
ebm train cifar10
```
```console
ebm eval run
```
<details>yes</details>
";

    #[test]
    fn commands_are_read_in_order_and_those_that_are_skipped_are_not() {
        let page = Page::parse("page.md", PAGE).unwrap();
        let commands: Vec<String> = page.commands.iter().map(|c| c.arguments.join(" ")).collect();
        let expected = ["inspect run", "sample gaussian --draws 100 --out my pictures/a.png", "eval run"];
        assert_eq!(commands, expected);
        assert_eq!(page.commands[1].expectations.len(), 1);
        assert_eq!(page.links, ["pictures/a.png", "../../../crates/ebm-ops/src/lib.rs"]);
        assert!(page.problems().is_empty(), "{:?}", page.problems());
    }

    #[test]
    fn a_number_that_is_checked_and_not_shown_is_a_problem_and_so_is_a_page_without_parts() {
        let page = Page::parse("page.md", &PAGE.replace("It is 1.05", "It is 1.06")).unwrap();
        assert_eq!(page.problems(), ["page.md: 1.05 is expected and stands nowhere"]);
        assert_eq!(Page::parse("page.md", "words").unwrap().problems().len(), 6);
    }

    #[test]
    fn comments_that_mean_nothing_are_refused_with_their_line() {
        let error = |text: &str| Page::parse("page.md", text).err().unwrap();
        assert!(error("a\n<!-- expct: a = 1 ± 1 -->").starts_with("page.md, line 2: "));
        assert!(error("<!-- expect: a = 1 ± 1 -->").contains("no command"));
        assert!(error("<!-- skip: -->").contains("skip"));
        assert!(error("```console").contains("no end"));
    }
}
