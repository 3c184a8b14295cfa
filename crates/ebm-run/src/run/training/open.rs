//! How a run begins, goes on, and follows that of another rank.

use std::path::Path;

use burn::module::Module;
use ebm_train::{Checkpoints, Objective};

use super::description::{Notice, Training};
use super::session::Session;
use crate::error::{Context, Result, anyhow, disagreement, ensure, usage};
use crate::folder::RunFolder;
use crate::history::{self, Entry};
use crate::journal::Remarks;
use crate::lock::Lock;

/// How a session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With a run that is not there yet.
    Begin,
    /// With the run that is there.
    Resume,
    /// With the run that is there, or else a new one.
    ResumeOrBegin,
}

impl<'a, M: Module, O: Objective<M>> Training<'a, M, O> {
    /// Takes the folder at `path`, where a run begins or goes on from its last checkpoint that is whole.
    ///
    /// # Errors
    /// A folder that another process trains in, that holds another run, or that cannot be written; checkpoints of
    /// which none can be used.
    pub fn open(self, path: &Path, opening: Opening, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let is_run = path.join("config.toml").is_file();
        match opening {
            Opening::Resume => self.resume(RunFolder::open(path)?, notice),
            Opening::ResumeOrBegin if is_run => self.resume(RunFolder::open(path)?, notice),
            Opening::Begin | Opening::ResumeOrBegin => {
                let (folder, lock) = RunFolder::create(Some(path), "run")?;
                self.begin(folder, lock, notice)
            }
        }
    }

    /// Begins a run in a folder that was created for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn begin(self, folder: RunFolder, lock: Lock, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        folder.probe(self.checkpoint_bytes())?;
        folder.write_config(&self.config)?;
        let session = self.session(folder, Some(lock), false, notice)?;
        if session.training.has_origin {
            session.checkpoints.save(&session.state)?;
        }
        session.announce()
    }

    /// Goes on with the run in a folder; changes of its settings are written to its history first.
    ///
    /// # Errors
    /// As [`open`](Self::open), or fewer steps than are done.
    pub fn resume(mut self, folder: RunFolder, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let lock = folder.take()?;
        ensure!(
            folder.config_text()? == self.config,
            disagreement(anyhow!("{} is not the configuration of this run", folder.config().display()))
        );
        folder.probe(self.checkpoint_bytes())?;
        let changes = std::mem::take(&mut self.changes);
        let session = self.session(folder, Some(lock), true, notice)?;
        let (step, steps) = (session.step(), session.training.settings.steps);
        ensure!(
            step <= steps,
            usage(anyhow!("train.steps: {step} steps are done, expected at least as many, found {steps}"))
        );
        if !changes.is_empty() {
            history::append(&session.folder, &Entry { step, changes })?;
        }
        session.announce()
    }

    /// Begins or goes on with the run that rank 0 has begun or gone on with, on another rank. Its folder is only read.
    ///
    /// # Errors
    /// If rank 0 has failed, its folder is not where it is for this rank, or it is of another run.
    pub fn follow(self, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let told = self.ranks.gather(&[])?.swap_remove(0);
        let (resumed, path) = told.split_first().context("rank 0 has named no folder")?;
        let folder = RunFolder::open(Path::new(&String::from_utf8_lossy(path).into_owned()))
            .context("every rank reads the run's folder, where rank 0 has it")?;
        ensure!(
            folder.config_text()? == self.config,
            disagreement(anyhow!("{} is not the configuration of this rank", folder.config().display()))
        );
        self.session(folder, None, *resumed == 1, notice)
    }

    fn session(
        self,
        folder: RunFolder,
        lock: Option<Lock>,
        resumed: bool,
        notice: Notice<'a>,
    ) -> Result<Session<'a, M, O>> {
        if lock.as_ref().is_some_and(|lock| !lock.is_exclusive()) {
            let path = folder.path().display();
            notice(&format!("{path} cannot be locked there: nothing keeps a second trainer out"));
        }
        let record = &self.record;
        // The loss of contrastive divergence does not say how good a model is.
        let best = if self.sampler_step_size.is_some() { 0 } else { record.keep_best };
        let checkpoints = Checkpoints::new(folder.checkpoints(), folder.hash()?, record.keep_checkpoints);
        let checkpoints = checkpoints.with_best(best);
        // Without the lock, files are only read.
        if lock.is_some() {
            checkpoints.recover()?;
        }
        let state = if resumed { self.restore(&checkpoints, notice)? } else { self.beginning() };
        Ok(Session {
            training: self,
            folder,
            checkpoints,
            state,
            resumed,
            notice,
            echo: None,
            remarks: Remarks::default(),
            machine: serde_json::Map::new(),
            _lock: lock,
        })
    }
}
