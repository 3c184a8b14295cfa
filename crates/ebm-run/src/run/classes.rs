//! Classes: those that a network learns from the labels of the data, and those that are asked for.

use burn::tensor::{Device, Int, Tensor, TensorData};
use ebm_data::Data;
use ebm_model::NetworkConfig;
use ebm_train::{Batch, BoxError, LABEL_DROPOUT};

use crate::card::{ClassCard, ModelCard};
use crate::config::{Config, Overrides};
use crate::error::{Result, anyhow, ensure, usage};
use crate::hint::near;
use crate::sampling::Asked;

/// Rows whose labels are looked at before training; every batch is checked as well.
const LOOKED_AT: usize = 1000;

/// The configuration with a network of as many classes as a table has that says which column they are in.
///
/// # Errors
/// A wrong use of the program: a network that knows no classes.
pub(crate) fn of_label(config: Config, data: &Data) -> Result<Config> {
    let k = data.classes().len();
    if config.data.label.is_none() || k == 0 || config.model.classes() != 0 {
        return Ok(config);
    }
    let with_classes = config.with(&Overrides { set: vec![format!("model.classes={k}")] });
    match with_classes {
        Ok(with_classes) if with_classes.model.classes() == k => Ok(with_classes),
        _ => Err(usage(anyhow!(
            "data.label: the network knows no classes; `--set model=mlp` and `--set model=noisy-energy` do, and `--drop` \
             leaves the column out"
        ))),
    }
}

/// The configuration with what a network of classes needs: the names of the classes and the share of labels left out.
///
/// # Errors
/// A wrong use of the program: a network of classes for data without labels, or with another number of classes; names
/// or a share for a network that has no classes.
pub(crate) fn found(mut config: Config, data: &Data) -> Result<Config> {
    let n = config.model.classes();
    if n == 0 {
        ensure!(
            config.classes.is_empty(),
            usage(anyhow!(
                "classes: names for a network without classes; `--set model.classes=N` gives it some"
            ))
        );
        return Ok(config);
    }
    let first: Vec<usize> = (0..data.len().unwrap_or(LOOKED_AT).min(LOOKED_AT)).collect();
    let Some(labels) = data.read(&first, None)?.labels else {
        return Err(usage(anyhow!(
            "model.classes = {n}: a network of classes is trained on labels, which the data do not have"
        )));
    };
    let of_data = data.classes();
    ensure!(
        of_data.is_empty() || of_data.len() == n,
        usage(anyhow!(
            "model.classes = {n}, the data have {k} classes; `--set model.classes={k}` changes it",
            k = of_data.len()
        ))
    );
    if let Some(label) = labels.iter().find(|label| n <= **label as usize) {
        let k = label + 1;
        return Err(usage(anyhow!(
            "model.classes = {n}, the data have the label {label}; `--set model.classes={k}` takes labels from 0 to it"
        )));
    }
    if config.classes.is_empty() {
        config.classes = match of_data {
            [] => (0..n).map(|class| class.to_string()).collect(),
            names => names.to_vec(),
        };
    }
    let names = &config.classes;
    ensure!(
        names.len() == n,
        usage(anyhow!("classes: expected {n} names, one for each of model.classes, found {}", names.len()))
    );
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(usage(anyhow!("classes: the name {} is there twice", twice.1)));
    }
    if let Some(share) = config.objective.label_dropout_mut() {
        share.get_or_insert(LABEL_DROPOUT);
    }
    Ok(config)
}

/// What the model file of a run says about classes.
pub(crate) fn of_run(config: &Config) -> Option<ClassCard> {
    let label_dropout = config.objective.label_dropout().unwrap_or(0.0);
    (0 < config.model.classes()).then(|| ClassCard { names: config.classes.clone(), label_dropout })
}

/// Rows with their labels, for a network of `n` classes; rows alone if that is 0.
pub(crate) fn batch(rows: ebm_data::Batch, n: usize, device: &Device) -> Result<Batch, BoxError> {
    if n == 0 {
        return Ok(rows.tensor(device).into());
    }
    let Some(labels) = &rows.labels else { return Err("a row of the data has no label".into()) };
    if let Some(label) = labels.iter().find(|label| n <= **label as usize) {
        return Err(
            format!("a row has the label {label}, the network has {n} classes, numbered from 0").into()
        );
    }
    let labels: Vec<i64> = labels.iter().map(|label| i64::from(*label)).collect();
    let labels: Tensor<1, Int> = {
        let n = labels.len();
        Tensor::from_data(TensorData::new(labels, [n]), device)
    };
    Ok(Batch { labels: Some(labels), ..Batch::from(rows.tensor(device)) })
}

/// The classes of a model by their names.
#[derive(Clone, Debug)]
pub struct Classes {
    names: Vec<String>,
    label_dropout: f64,
}

impl Classes {
    /// Those of the card's network, called by their numbers where it has no names for them.
    ///
    /// # Errors
    /// A wrong use of the program if the network has none.
    pub fn of(card: &ModelCard) -> Result<Self> {
        let n = card.architecture.classes();
        ensure!(0 < n, usage(anyhow!("{} is a model without classes", card.name)));
        let (names, label_dropout) = match &card.classes {
            Some(classes) if classes.names.len() == n => (classes.names.clone(), classes.label_dropout),
            _ => ((0..n).map(|class| class.to_string()).collect(), 0.0),
        };
        Ok(Self { names, label_dropout })
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the network has learned what no class is.
    pub fn knows_none(&self) -> bool {
        0.0 < self.label_dropout
    }

    /// The classes that `text` names: `all`, which is each of them whatever their names are, or names or numbers with
    /// commas between; a name that is there comes before a number.
    ///
    /// # Errors
    /// A wrong use of the program, with the classes that there are.
    pub fn named(&self, text: &str) -> Result<Vec<usize>> {
        let (names, n) = (&self.names, self.names.len());
        let whole = names.iter().position(|name| name == text);
        if text == "all" {
            return Ok((0..n).collect());
        }
        let one = |part: &str| {
            let by_name = names.iter().position(|name| name == part);
            let by_number = || part.parse::<usize>().ok().filter(|class| *class < n);
            by_name.or_else(by_number).ok_or_else(|| {
                // A number that is out of range is no slip of a name.
                let is_name = part.parse::<f64>().is_err();
                let near = if is_name { near(part, names.iter().map(String::as_str)) } else { String::new() };
                usage(anyhow!("--class {part}: expected {}{near}", self.listed()))
            })
        };
        let classes = match whole {
            Some(class) => vec![class],
            None => text.split(',').map(|part| one(part.trim())).collect::<Result<Vec<_>>>()?,
        };
        if let Some(twice) = classes.iter().enumerate().find(|(i, class)| classes[..*i].contains(class)) {
            return Err(usage(anyhow!("--class {text}: {} is there twice", names[*twice.1])));
        }
        Ok(classes)
    }

    /// What may be asked for, in words.
    fn listed(&self) -> String {
        const MOST: usize = 20;
        let n = self.names.len();
        let numbers = format!("a number from 0 to {}", n - 1);
        let is_numbers = self.names.iter().enumerate().all(|(class, name)| *name == class.to_string());
        match () {
            () if is_numbers => format!("all, or {numbers}"),
            () if MOST < n => format!("all, {numbers}, or a name, as {}", self.names[0]),
            () => format!("all, {numbers}, or one of {}", self.names.join(", ")),
        }
    }
}

/// What `--class` and `--guidance` ask of a model; `None` if neither is given.
///
/// # Errors
/// A wrong use of the program: a model without classes, a class that there is not, guidance without a class, or of a
/// network that has not learned what no class is.
pub fn asked(card: &ModelCard, class: Option<&str>, guidance: Option<f64>) -> Result<Option<Asked>> {
    let Some(class) = class else {
        ensure!(
            guidance.is_none(),
            usage(anyhow!("--guidance is towards a class; --class 0 names one, --class all each of them"))
        );
        return Ok(None);
    };
    let classes = Classes::of(card)?;
    guided(&classes, classes.named(class)?, guidance).map(Some)
}

/// Whether a model may be asked for nothing: one without classes, or one that has learned what no class is.
///
/// # Errors
/// A wrong use of the program.
pub fn check_none(card: &ModelCard) -> Result<()> {
    if card.architecture.classes() == 0 {
        return Ok(());
    }
    let classes = Classes::of(card)?;
    ensure!(
        classes.knows_none(),
        usage(anyhow!(
            "{} was trained with all labels and knows nothing without a class; --class names one: {}",
            card.name,
            classes.listed()
        ))
    );
    Ok(())
}

/// All classes of a model that has some, each equally often, with this guidance; `None` of another model.
///
/// # Errors
/// A wrong use of the program: guidance of a model without classes, or as in [`asked`].
pub fn asked_for_all(card: &ModelCard, guidance: Option<f64>) -> Result<Option<Asked>> {
    if guidance.is_none() && card.architecture.classes() == 0 {
        return Ok(None);
    }
    let classes = Classes::of(card)?;
    let all = (0..classes.names.len()).collect();
    guided(&classes, all, guidance).map(Some)
}

fn guided(classes: &Classes, asked: Vec<usize>, guidance: Option<f64>) -> Result<Asked> {
    let guidance = guidance.unwrap_or(0.0);
    ensure!(
        guidance.is_finite() && 0.0 <= guidance,
        usage(anyhow!("--guidance {guidance}: expected a finite number, 0 or more"))
    );
    ensure!(
        guidance == 0.0 || classes.knows_none(),
        usage(anyhow!(
            "--guidance {guidance}: the network was trained with all labels and has not learned what no class is; a run \
             with objective.label_dropout = 0.1 learns it"
        ))
    );
    Ok(Asked { classes: asked, guidance })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str], label_dropout: f64) -> Classes {
        Classes { names: names.iter().map(|&name| name.to_owned()).collect(), label_dropout }
    }

    #[test]
    fn classes_are_asked_for_by_name_by_number_or_all() {
        let pets = classes(&["cat", "dog", "2", "a,b"], 0.1);
        assert_eq!(pets.named("dog").unwrap(), [1]);
        assert_eq!(pets.named("3, cat").unwrap(), [3, 0]);
        assert_eq!(pets.named("a,b").unwrap(), [3], "a name with a comma");
        assert_eq!(pets.named("all").unwrap(), [0, 1, 2, 3]);
        // numbers as names, in the order of a folder
        let folders = classes(&["0", "1", "10", "2"], 0.1);
        assert_eq!((folders.named("10").unwrap(), folders.named("2").unwrap()), (vec![2], vec![3]));
        for (text, part) in [
            ("4", "--class 4: expected all, a number from 0 to 3, or one of cat, dog, 2, a,b"),
            ("-1", "--class -1: expected all"),
            ("dgo", "dog"),
            ("cat,0", "--class cat,0: cat is there twice"),
            ("cat,", "--class : expected all"),
        ] {
            let error = format!("{:#}", pets.named(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
        let digits = classes(&["0", "1"], 0.1);
        let error = digits.named("2").unwrap_err().to_string();
        assert!(error.contains("expected all, or a number from 0 to 1"), "{error}");
    }

    #[test]
    fn guidance_needs_a_weight_and_a_network_that_knows_no_class() {
        let ask = |share, weight| guided(&classes(&["a", "b"], share), vec![0], Some(weight));
        assert_eq!(ask(0.1, 2.0).unwrap(), Asked { classes: vec![0], guidance: 2.0 });
        assert!(ask(0.0, 0.0).is_ok());
        for (share, weight, part) in
            [(0.1, -1.0, "0 or more"), (0.1, f64::NAN, "0 or more"), (0.0, 1.0, "objective.label_dropout")]
        {
            let error = ask(share, weight).unwrap_err().to_string();
            assert!(error.contains("--guidance") && error.contains(part), "{error}");
        }
    }
}
