//! One file over HTTP, with limits on size and patience.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::{Context, Error, Result, anyhow, ensure};

/// A client that tries again after what may pass, and gives up after what will not.
#[derive(Debug)]
pub struct Downloader {
    agent: Agent,
    attempts: u32,
    pause: Duration,
    /// How long a download may be slower than [`LEAST_PACE`].
    grace: Duration,
}

/// Bytes a second, on average, below which a download is given up: each byte may be on time and the whole never.
const LEAST_PACE: f64 = 1024.0;

/// Why an attempt failed, and whether another may do better.
struct Failure {
    error: Error,
    may_pass: bool,
}

impl Downloader {
    /// A client that heeds `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`.
    ///
    /// It waits 20 seconds for a connection and 30 for each further byte, and tries three times.
    ///
    /// # Errors
    /// If `SSL_CERT_FILE` is set and cannot be read.
    #[expect(clippy::disallowed_methods, reason = "where every program finds the certificates of a proxy")]
    pub fn from_environment() -> Result<Self> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
            tls = tls.root_certs(root_certificates(Path::new(&path))?);
        }
        let config = patient().tls_config(tls.build());
        Ok(Self {
            agent: config.build().new_agent(),
            attempts: 3,
            pause: Duration::from_secs(1),
            grace: Duration::from_secs(60),
        })
    }

    /// A client for a server on this computer: no proxy, no pause.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        let config = patient().proxy(None).timeout_per_read(Some(Duration::from_secs(5)));
        Self {
            agent: config.build().new_agent(),
            attempts: 3,
            pause: Duration::ZERO,
            grace: Duration::from_millis(300),
        }
    }

    /// Downloads `url` into a file in `folder` that has no name: it disappears with the process, however that ends.
    ///
    /// # Errors
    /// The reason of the last attempt: no connection, a bad status, a web page, more than `limit` bytes, a short body.
    pub fn get(&self, url: &str, limit: u64, folder: &Path, bar: &ProgressBar) -> Result<File> {
        let mut attempt = 1;
        loop {
            bar.reset();
            match self.attempt(url, limit, folder, bar) {
                Ok(file) => return Ok(file),
                Err(failure) if failure.may_pass && attempt < self.attempts => {
                    sleep(self.pause * attempt);
                    attempt += 1;
                }
                Err(failure) => return Err(failure.error.context(url.to_owned())),
            }
        }
    }

    fn attempt(&self, url: &str, limit: u64, folder: &Path, bar: &ProgressBar) -> Result<File, Failure> {
        let mut response = self.agent.get(url).call().map_err(Failure::of_call)?;
        let body = response.body_mut();
        if body.mime_type().is_some_and(|mime| mime == "text/html" || mime == "application/xhtml+xml") {
            return Err(Failure::lasting(anyhow!(
                "the answer is a web page, not the file; is a login or proxy between?"
            )));
        }
        let announced = body.content_length();
        if announced.is_some_and(|length| length > limit) {
            return Err(Failure::lasting(anyhow!(
                "{} bytes announced, at most {limit} expected",
                announced.unwrap_or(0)
            )));
        }
        bar.set_length(announced.unwrap_or(limit));
        let mut scratch = tempfile::tempfile_in(folder).map_err(|e| Failure::lasting(e.into()))?;
        let mut body = body.as_reader().take(limit.saturating_add(1));
        let received = self.receive(&mut body, &mut scratch, bar)?;
        if received > limit {
            return Err(Failure::lasting(anyhow!("more than the {limit} bytes expected")));
        }
        if let Some(length) = announced.filter(|length| *length != received) {
            return Err(Failure::passing(anyhow!("{received} bytes of {length} came")));
        }
        scratch.rewind().map_err(|e| Failure::lasting(e.into()))?;
        Ok(scratch)
    }

    fn receive(&self, body: &mut dyn Read, scratch: &mut File, bar: &ProgressBar) -> Result<u64, Failure> {
        let (began, mut buffer, mut received) = (Instant::now(), vec![0; 1 << 16], 0);
        loop {
            let n = body
                .read(&mut buffer)
                .map_err(|e| Failure::passing(Error::from(e).context("the connection broke")))?;
            if n == 0 {
                return Ok(received);
            }
            scratch.write_all(&buffer[..n]).map_err(|e| Failure::lasting(e.into()))?;
            received += n as u64;
            bar.set_position(received);
            let late = began.elapsed().saturating_sub(self.grace).as_secs_f64();
            if (received as f64) < LEAST_PACE * late {
                let seconds = began.elapsed().as_secs();
                return Err(Failure::passing(anyhow!("too slow: {received} bytes came in {seconds} s")));
            }
        }
    }
}

impl Failure {
    fn passing(error: Error) -> Self {
        Self { error, may_pass: true }
    }

    fn lasting(error: Error) -> Self {
        Self { error, may_pass: false }
    }

    fn of_call(error: ureq::Error) -> Self {
        let may_pass = match &error {
            ureq::Error::StatusCode(code) => *code >= 500 || matches!(code, 408 | 429),
            ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => true,
            ureq::Error::Protocol(_) => true,
            _ => false,
        };
        let hint = match &error {
            ureq::Error::StatusCode(407) => {
                Some("a proxy asks for a login, as in HTTPS_PROXY=http://NAME:PASSWORD@HOST")
            }
            ureq::Error::StatusCode(401 | 403) => Some("the server or a proxy before it refuses"),
            ureq::Error::StatusCode(502..=504) => {
                Some("the server cannot be reached by its proxy, or is busy")
            }
            _ => None,
        };
        let error = Error::from(error);
        Self { error: hint.map_or_else(|| anyhow!("{error}"), |hint| anyhow!("{error}: {hint}")), may_pass }
    }
}

fn patient() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .user_agent(concat!("ebm/", env!("CARGO_PKG_VERSION")))
        // The bytes as they lie on the server: a .gz must not be opened on the way.
        .accept_encoding("identity")
        .max_redirects(5)
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_per_read(Some(Duration::from_secs(30)))
        .timeout_per_write(Some(Duration::from_secs(30)))
}

fn root_certificates(path: &Path) -> Result<RootCerts> {
    let text =
        std::fs::read(path).with_context(|| format!("could not read SSL_CERT_FILE {}", path.display()))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    ensure!(!certificates.is_empty(), "SSL_CERT_FILE {} has no certificate", path.display());
    Ok(RootCerts::new_with_certs(&certificates))
}
