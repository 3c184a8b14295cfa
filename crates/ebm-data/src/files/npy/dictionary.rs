//! The header of an array file: a Python dictionary.

/// The dictionary at the beginning of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dictionary<'a> {
    pub(super) descr: &'a str,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<u64>,
}

impl<'a> Dictionary<'a> {
    /// The dictionary that NumPy writes: three known keys, each once, in any order.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut rest = Text(text.trim_end());
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        rest.expect("{")?;
        while rest.expect("}").is_none() {
            let key = rest.string()?;
            rest.expect(":")?;
            let again = match key {
                "descr" => descr.replace(rest.descr()?).is_some(),
                "fortran_order" => fortran_order.replace(rest.truth()?).is_some(),
                "shape" => shape.replace(rest.tuple()?).is_some(),
                _ => true,
            };
            if again {
                return None;
            }
            if rest.expect(",").is_none() {
                rest.expect("}")?;
                break;
            }
        }
        rest.0.is_empty().then_some(())?;
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// The rest of a Python literal.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|&c| c == '\'' || c == '"')?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    /// The name of a type, or the whole list that describes a structure.
    fn descr(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        if !text.starts_with('[') {
            return self.string();
        }
        let end = text.rfind(']')? + 1;
        self.0 = &text[end..];
        Some(&text[..end])
    }

    fn truth(&mut self) -> Option<bool> {
        self.expect("True").map(|()| true).or_else(|| self.expect("False").map(|()| false))
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        self.expect("(")?;
        while self.expect(")").is_none() {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            numbers.push(text[..end].parse().ok()?);
            self.0 = &text[end..];
            if self.expect(",").is_none() {
                self.expect(")")?;
                // In Python, (3) is a number and (3,) a tuple.
                return (1 < numbers.len()).then_some(numbers);
            }
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_dictionary_of_three_keys() {
        for bad in [
            "{'descr': '<f8', 'fortran_order': False}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} + x",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "",
        ] {
            assert_eq!(Dictionary::parse(bad), None, "{bad}");
        }
        let dense = Dictionary::parse("{\"shape\":(4,2),\"descr\":\"<f4\",\"fortran_order\":False}").unwrap();
        assert_eq!(dense, Dictionary { descr: "<f4", fortran_order: false, shape: vec![4, 2] });
    }
}
