//! How a text table is read, by its description and its extension.

use std::io::Read;

use crate::DataSpec;
use crate::files::comma_separated::{TextForm, TextTable};

/// The form of a text table as far as it is known.
pub(super) fn form_of(spec: &DataSpec, ending: &str) -> TextForm {
    let usual = if matches!(ending, "tsv" | "tab") { '\t' } else { ',' };
    let DataSpec { header, delimiter, decimal, .. } = *spec;
    TextForm { header, delimiter, decimal, usual: Some(usual) }
}

/// What was found out of a text table, without what is left out of columns that were asked for.
pub(super) fn notes_of<R: Read>(table: &TextTable<'_, R>, spec: &DataSpec) -> Vec<String> {
    let is_asked = spec.columns.is_some();
    let is_said = |note: &&String| !(is_asked && note.ends_with("left out"));
    table.notes().iter().filter(is_said).cloned().collect()
}
