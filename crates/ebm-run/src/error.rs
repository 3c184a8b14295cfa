//! Errors of runs, by what can be done about them.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use ebm_files::FileError;
use ebm_train::TrainError;

use crate::sampling::NotFinite;

/// What a function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done, by what the caller can do about it.
///
/// Its text is that of the outermost cause; `{:#}` adds the others, which [`source`](StdError::source) has one by one.
///
/// ```
/// use ebm_run::Error;
/// use ebm_run::config::{Config, Overrides};
///
/// let error = Config::resolve("two-mons", &Overrides::default()).unwrap_err();
/// assert!(matches!(error, Error::Usage(_)), "{error:#}");
/// let error = Config::resolve("nowhere.toml", &Overrides::default()).unwrap_err();
/// assert!(matches!(error, Error::NotFound(_)) && error.is_usage(), "{error:#}");
/// assert!(error.find::<std::io::Error>().is_some());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot be: a key, a number, a name, a file of another kind.
    #[error(transparent)]
    Usage(Cause),
    /// A run is not what it is said to be: its configuration, its data or its weights are others.
    #[error(transparent)]
    Disagreement(Cause),
    /// A file, a run, or what a run should have by now is not there.
    #[error(transparent)]
    NotFound(Cause),
    /// Another process trains in the folder or writes the file.
    #[error(transparent)]
    Locked(Cause),
    /// Training or a sampler came to numbers that are not finite.
    #[error(transparent)]
    Diverged(Cause),
    /// A server could not be reached, or broke off.
    #[error(transparent)]
    Network(Cause),
    /// The file system refused.
    #[error(transparent)]
    Io(Cause),
    /// Anything else: a damaged file, a failure of another part.
    #[error(transparent)]
    Other(Cause),
}

/// What went wrong, and what that came from.
#[derive(Debug)]
pub struct Cause(anyhow::Error);

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl Error {
    /// Whether the caller is at fault, which ends the program with 2 and not with 1.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_)) || self.find::<Usage>().is_some()
    }

    /// The first cause of that type.
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        self.cause().0.chain().find_map(found)
    }

    /// The last cause.
    pub(crate) fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.cause().0.root_cause()
    }

    /// The same with a text in front.
    pub(crate) fn context(self, text: impl Display + Send + Sync + 'static) -> Self {
        let (kind, Cause(cause)) = (self.kind(), self.into_cause());
        kind(Cause(cause.context(text)))
    }

    fn kind(&self) -> fn(Cause) -> Self {
        self.parts().0
    }

    fn cause(&self) -> &Cause {
        self.parts().1
    }

    fn parts(&self) -> (fn(Cause) -> Self, &Cause) {
        match self {
            Self::Usage(cause) => (Self::Usage, cause),
            Self::Disagreement(cause) => (Self::Disagreement, cause),
            Self::NotFound(cause) => (Self::NotFound, cause),
            Self::Locked(cause) => (Self::Locked, cause),
            Self::Diverged(cause) => (Self::Diverged, cause),
            Self::Network(cause) => (Self::Network, cause),
            Self::Io(cause) => (Self::Io, cause),
            Self::Other(cause) => (Self::Other, cause),
        }
    }

    fn into_cause(self) -> Cause {
        let (Self::Usage(cause)
        | Self::Disagreement(cause)
        | Self::NotFound(cause)
        | Self::Locked(cause)
        | Self::Diverged(cause)
        | Self::Network(cause)
        | Self::Io(cause)
        | Self::Other(cause)) = self;
        cause
    }
}

/// The first cause of that type of any error, `error` itself included.
pub(crate) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| StdError::source(*error)).find_map(found)
}

/// A cause as that type, or the first one behind it.
fn found<'a, T: StdError + 'static>(cause: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let inner = || match (cause.downcast_ref::<Error>(), cause.downcast_ref::<Usage>()) {
        (Some(error), _) => error.find(),
        (_, Some(Usage(error))) => error.chain().find_map(found),
        _ => None,
    };
    cause.downcast_ref().or_else(inner)
}

/// By the first of the causes that says which kind it is.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        // Only one without a context, which would be lost.
        if error.chain().next().is_some_and(|outermost| outermost.is::<Self>()) {
            return error.downcast().unwrap_or_else(|error| Self::Other(Cause(error)));
        }
        let kind = error.chain().find_map(kind_of).unwrap_or(Self::Other);
        kind(Cause(error))
    }
}

fn kind_of(cause: &(dyn StdError + 'static)) -> Option<fn(Cause) -> Error> {
    use std::io::{Error as IoError, ErrorKind};
    if let Some(error) = cause.downcast_ref::<Error>() {
        return Some(error.kind());
    }
    if cause.is::<Usage>() {
        return Some(Error::Usage);
    }
    if cause.is::<NotFinite>() {
        return Some(Error::Diverged);
    }
    if cause.is::<ureq::Error>() {
        return Some(Error::Network);
    }
    match (cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref::<IoError>()) {
        (Some(TrainError::Diverged { .. } | TrainError::Skipped { .. }), ..) => Some(Error::Diverged),
        (_, Some(FileError::Busy(_)), _) => Some(Error::Locked),
        (_, Some(FileError::Device(_) | FileError::Foreign(_)), _) => Some(Error::Io),
        (.., Some(error)) => match error.kind() {
            ErrorKind::NotFound => Some(Error::NotFound),
            // Of a file that could be read, and is damaged.
            ErrorKind::InvalidData => None,
            _ => Some(Error::Io),
        },
        _ => None,
    }
}

macro_rules! causes {
    ($($cause:ty),+ $(,)?) => {
        $(
            impl From<$cause> for Error {
                fn from(cause: $cause) -> Self {
                    Self::from(anyhow::Error::from(cause))
                }
            }
        )+
    };
}

causes! {
    std::io::Error,
    std::string::FromUtf8Error,
    toml::de::Error,
    toml::ser::Error,
    serde_json::Error,
    ureq::Error,
    FileError,
    NotFinite,
    TrainError,
    ebm_data::DataError,
    ebm_eval::EvalError,
    ebm_model::ModelError,
    ebm_ops::OutOfRange,
    ebm_report::ReportError,
    ebm_sample::SampleError,
}

/// Marks an error as the caller's.
#[derive(Debug)]
struct Usage(anyhow::Error);

impl Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl StdError for Usage {}

/// The error as the caller's.
pub fn usage(error: impl Into<Error>) -> Error {
    let error = error.into();
    if error.is_usage() {
        return error;
    }
    let kind = if matches!(error, Error::Io(_) | Error::Other(_)) { Error::Usage } else { error.kind() };
    kind(Cause(anyhow::Error::new(Usage(error.into_cause().0))))
}

/// The error as the caller's, who has another run than is said.
pub(crate) fn disagreement(error: impl Into<Error>) -> Error {
    Error::Disagreement(usage(error).into_cause())
}

/// The error as the caller's, who asks for what is not there.
pub(crate) fn not_found(error: impl Into<Error>) -> Error {
    Error::NotFound(usage(error).into_cause())
}

/// The error of a folder that another process has.
pub(crate) fn locked(error: Error) -> Error {
    Error::Locked(error.into_cause())
}

/// Texts in front of errors.
pub(crate) trait Context<T> {
    /// The error, with a text in front of it.
    fn context(self, text: impl Display + Send + Sync + 'static) -> Result<T>;

    /// The same with a text that is made if it is needed.
    fn with_context<C: Display + Send + Sync + 'static>(self, text: impl FnOnce() -> C) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, text: impl Display + Send + Sync + 'static) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context<C: Display + Send + Sync + 'static>(self, text: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|error| error.into().context(text()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, text: impl Display + Send + Sync + 'static) -> Result<T> {
        self.ok_or_else(|| anyhow::Error::msg(text.to_string()).into())
    }

    fn with_context<C: Display + Send + Sync + 'static>(self, text: impl FnOnce() -> C) -> Result<T> {
        self.ok_or_else(|| anyhow::Error::msg(text().to_string()).into())
    }
}

/// An error from a text.
macro_rules! anyhow {
    ($($text:tt)*) => { $crate::Error::from(::anyhow::anyhow!($($text)*)) };
}

macro_rules! bail {
    ($error:expr $(,)?) => { return Err($crate::error::anyhow!($error)) };
    ($($text:tt)*) => { return Err($crate::error::anyhow!($($text)*)) };
}

macro_rules! ensure {
    ($condition:expr, $($text:tt)*) => {
        let holds: bool = $condition;
        if !holds {
            return Err($crate::error::anyhow!($($text)*));
        }
    };
}

pub(crate) use {anyhow, bail, ensure};

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: std::io::ErrorKind) -> std::io::Error {
        std::io::Error::new(kind, "the disk")
    }

    /// The texts of all causes.
    fn texts(error: &(dyn StdError + 'static)) -> Vec<String> {
        std::iter::successors(Some(error), |error| StdError::source(*error))
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_error_is_of_the_kind_of_its_first_cause_that_says_one() {
        use std::io::ErrorKind;
        let of = |error: Error| error.context("outermost").kind();
        let reason = ebm_train::Divergence::LearningRate { rate: 1e99 };
        for (error, kind) in [
            (io(ErrorKind::NotFound).into(), Error::NotFound as fn(Cause) -> Error),
            (io(ErrorKind::PermissionDenied).into(), Error::Io),
            (io(ErrorKind::InvalidData).into(), Error::Other),
            (NotFinite(3).into(), Error::Diverged),
            (TrainError::Diverged { step: 3, reason }.into(), Error::Diverged),
            (FileError::Busy("a.npy".into()).into(), Error::Locked),
            (ureq::Error::ConnectionFailed.into(), Error::Network),
            (usage(anyhow!("no such key")), Error::Usage),
            (usage(io(ErrorKind::NotFound)), Error::NotFound),
            (disagreement(anyhow!("other data")), Error::Disagreement),
            (locked(anyhow!("another")), Error::Locked),
            (anyhow!("damaged"), Error::Other),
        ] {
            let text = format!("{error:#}");
            assert!(std::ptr::fn_addr_eq(of(error), kind), "{text}");
        }
    }

    #[test]
    fn a_kind_outlives_other_peoples_errors_and_no_text_is_lost_or_said_twice() {
        let text = "in a.toml: line 3: no key";
        let ours = usage(anyhow!("no key").context("line 3")).context("in a.toml");
        assert_eq!(texts(&ours), ["in a.toml", "line 3: no key"]);
        assert_eq!(format!("{ours:#}"), text);
        let theirs = ::anyhow::Error::from(ours);
        assert_eq!(format!("{theirs:#}"), text);
        let theirs = theirs.context("ebm");
        assert_eq!(format!("{theirs:#}"), format!("ebm: {text}"));
        let back = Error::from(theirs);
        assert_eq!(format!("{back:#}"), format!("ebm: {text}"));
        assert!(matches!(back, Error::Usage(_)) && back.is_usage());
        assert_eq!(texts(&usage(back)), ["ebm", "in a.toml", "line 3: no key"]);
    }

    #[test]
    fn only_the_callers_errors_are_the_callers() {
        assert!(!Error::from(io(std::io::ErrorKind::NotFound)).is_usage());
        assert!(usage(io(std::io::ErrorKind::NotFound)).is_usage());
        assert!(disagreement(anyhow!("other data")).is_usage());
        assert!(!locked(anyhow!("another")).is_usage());
    }

    #[test]
    fn a_cause_is_found_behind_contexts_and_behind_what_marks_it_as_the_callers() {
        let error = usage(NotFinite(7)).context("drawing");
        assert_eq!(error.find::<NotFinite>().map(|NotFinite(sample)| *sample), Some(7));
        let error = ::anyhow::Error::from(error).context("ebm");
        assert!(find::<NotFinite>(error.as_ref()).is_some());
        assert!(find::<TrainError>(error.as_ref()).is_none());
    }
}
