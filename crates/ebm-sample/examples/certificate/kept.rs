//! Rows that an earlier call has found, so that a long table can be made in pieces.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::{env, fs, io};

use super::report::{Row, Verdict};

/// A folder with a file for each row, of which those of another build of this program are made anew.
pub struct Kept {
    folder: PathBuf,
    /// The first line of a file: the build that found it.
    build: String,
}

impl Kept {
    /// The rows in `folder`, which is made if there is none.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut hasher = DefaultHasher::new();
        fs::read(env::current_exe()?)?.hash(&mut hasher);
        Ok(Self { folder, build: format!("build {:016x}", hasher.finish()) })
    }

    /// The row called `name`, or the one that `find` finds, which is kept.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn row(&self, name: &str, find: impl FnOnce() -> Row) -> Row {
        let path = self.folder.join(format!("{name}.tsv"));
        if let Some(row) = fs::read_to_string(&path).ok().and_then(|text| self.read(&text)) {
            return row;
        }
        let row = find();
        let draft = path.with_extension("part");
        let written = fs::write(&draft, self.write(&row)).and_then(|()| fs::rename(&draft, &path));
        written.unwrap_or_else(|error| panic!("could not keep {}: {error}", path.display()));
        row
    }

    fn write(&self, row: &Row) -> String {
        let verdict = match row.verdict {
            Verdict::Holds => "holds",
            Verdict::KnownHard => "known to be hard",
            Verdict::Fails => "fails",
        };
        format!("{}\n{verdict}\n{}\n", self.build, row.cells.join("\t"))
    }

    fn read(&self, text: &str) -> Option<Row> {
        let (build, rest) = text.strip_suffix('\n')?.split_once('\n')?;
        let (verdict, cells) = rest.split_once('\n')?;
        let verdict = match verdict {
            "holds" => Verdict::Holds,
            "known to be hard" => Verdict::KnownHard,
            "fails" => Verdict::Fails,
            _ => return None,
        };
        let cells = cells.split('\t').map(str::to_owned).collect();
        (build == self.build).then_some(Row { cells, verdict })
    }
}
