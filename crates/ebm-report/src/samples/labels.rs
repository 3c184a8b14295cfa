//! The classes of samples.

/// The classes of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The class of each sample, numbered from 0.
    pub classes: Vec<usize>,
    /// The names of the classes; a class without one is called by its number.
    pub names: Vec<String>,
}

impl Labels {
    /// The name of the class of sample `i`.
    pub fn name(&self, i: usize) -> String {
        let class = self.classes[i];
        self.names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// The samples class after class, the classes in the order in which they first come, and how many there are of
    /// each if they are equally many.
    pub(crate) fn by_class(&self) -> (Vec<usize>, Option<usize>) {
        let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
        for (i, class) in self.classes.iter().enumerate() {
            match found.iter_mut().find(|(known, _)| known == class) {
                Some((_, samples)) => samples.push(i),
                None => found.push((*class, vec![i])),
            }
        }
        let each = found.first().map_or(0, |(_, samples)| samples.len());
        let is_even = 1 < found.len() && found.iter().all(|(_, samples)| samples.len() == each);
        (found.into_iter().flat_map(|(_, samples)| samples).collect(), is_even.then_some(each))
    }
}
