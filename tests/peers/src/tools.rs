//! The peers: installed in exact versions, run as their users run them, and read.

mod checkov;
mod custodian;
mod prowler;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::process::Command;

use crate::args::Asked;
use crate::classes::Classes;
use crate::estate::Estate;
use crate::named::Finding;
use crate::process::{self, Took, on_path};

/// Longest that a peer takes to be installed.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(900);

/// Longest that a peer looks.
const LOOK_TIME_MAX: Duration = Duration::from_secs(1800);

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Prowler, which asks the account.
    Prowler,
    /// Checkov, which reads the plan.
    Checkov,
    /// Cloud Custodian, which asks the account what its policies ask.
    Custodian,
}

/// What a tool saw, and what that took.
#[derive(Debug, Serialize)]
pub struct Saw {
    /// The tool, as classes name it.
    pub name: &'static str,
    /// The tool with its version, as a table names it.
    pub title: String,
    /// What it found.
    pub findings: Vec<Finding>,
    /// Rules of it that could not be tried in the emulator.
    pub failed: Vec<String>,
    /// What it took.
    pub took: Took,
    /// Steps of it, each with the seconds it took.
    pub steps: Vec<(String, f64)>,
}

/// The peers that are asked, installed.
#[derive(Debug)]
pub struct Prepared {
    /// In the order in which they look.
    pub peers: Vec<Installed>,
}

/// What was found, and which rules could not be tried.
type Found = (Vec<Finding>, Vec<String>);

/// A peer in an environment of its own.
#[derive(Debug)]
pub struct Installed {
    /// Which.
    pub peer: Peer,
    dir: PathBuf,
}

impl Peer {
    /// Every peer.
    pub const ALL: [Self; 3] = [Self::Prowler, Self::Checkov, Self::Custodian];

    /// Its name in classes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prowler => "prowler",
            Self::Checkov => "checkov",
            Self::Custodian => "custodian",
        }
    }

    const fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Prowler => ("prowler", "5.46.0"),
            Self::Checkov => ("checkov", "3.3.30"),
            Self::Custodian => ("c7n", "0.9.53"),
        }
    }

    /// Its name with its version.
    pub fn title(self) -> String {
        let name = match self {
            Self::Prowler => "Prowler",
            Self::Checkov => "Checkov",
            Self::Custodian => "Cloud Custodian",
        };
        format!("{name} {}", self.package().1)
    }
}

impl FromStr for Peer {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|peer| peer.name() == text);
        found.with_context(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no peer; there are {names}")
        })
    }
}

impl Prepared {
    /// Finds the peers that are asked, and installs those that are not there.
    ///
    /// # Errors
    /// No Python, or what pip says.
    pub async fn new(asked: &Asked, work: &Path) -> Result<Self> {
        let mut peers = Vec::new();
        for &peer in &asked.peers {
            let dir = troupe_tests::root().join("target/peers").join(format!("venv-{}", peer.name()));
            let installed = Installed { peer, dir };
            if !installed.is_there() {
                eprintln!("peers: {} is installed in {}", peer.title(), installed.dir.display());
                installed.install(work).await?;
            }
            peers.push(installed);
        }
        Ok(Self { peers })
    }
}

impl Installed {
    fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// What says that this version was installed to the end.
    fn mark(&self) -> PathBuf {
        self.dir.join(format!("installed-{}", self.peer.package().1))
    }

    fn is_there(&self) -> bool {
        self.mark().exists()
    }

    async fn install(&self, work: &Path) -> Result<()> {
        let python = on_path("python3", "the peers are programs in Python")?;
        let said = work.join("install.log");
        let mut make = process::command(&python, work);
        make.args(["-m", "venv", "--clear"]).arg(&self.dir);
        process::run_well(make, &said, INSTALL_TIME_MAX)
            .await
            .context("python3 makes no environment (python3-venv)")?;
        let (name, version) = self.peer.package();
        let mut pip = process::command(&self.program("pip"), work);
        pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("{name}=={version}")]);
        process::run_well(pip, &said, INSTALL_TIME_MAX)
            .await
            .with_context(|| format!("pip does not install {name}"))?;
        std::fs::write(self.mark(), "")?;
        Ok(())
    }

    /// Lets the peer look.
    ///
    /// # Errors
    /// A peer that cannot be started, or leaves nothing that can be read.
    pub async fn look(&self, estate: &Estate, url: &str, classes: &Classes, work: &Path) -> Result<Saw> {
        let dir = work.join(self.peer.name());
        std::fs::create_dir_all(&dir)?;
        let looked = self.ask(estate, url, classes, &dir).await;
        let ((findings, failed), took) = looked.with_context(|| {
            let said = process::last_lines(&dir.join("said.log"));
            format!("{} could not be compared; it said last:\n{said}\n", self.peer.title())
        })?;
        Ok(Saw { name: self.peer.name(), title: self.peer.title(), findings, failed, took, steps: Vec::new() })
    }

    async fn ask(&self, estate: &Estate, url: &str, classes: &Classes, dir: &Path) -> Result<(Found, Took)> {
        let figures = dir.join("figures.json");
        let program = match self.peer {
            Peer::Prowler | Peer::Checkov => self.program(self.peer.name()),
            Peer::Custodian => self.program("custodian"),
        };
        let mut command: Command = process::measured(&self.program("python3"), &figures, &program, dir);
        process::in_account(&mut command, url, &estate.region);
        match self.peer {
            Peer::Prowler => prowler::arguments(&mut command, estate, classes, dir),
            Peer::Checkov => checkov::arguments(&mut command, estate, dir),
            Peer::Custodian => custodian::arguments(&mut command, estate, dir)?,
        }
        // Each has a status for what it found; whether it did its work is seen by what it leaves.
        process::run(command, &dir.join("said.log"), LOOK_TIME_MAX).await?;
        let took = process::took(&figures)?;
        let findings = match self.peer {
            Peer::Prowler => (prowler::findings(dir)?, Vec::new()),
            Peer::Checkov => (checkov::findings(dir)?, Vec::new()),
            Peer::Custodian => custodian::findings(dir)?,
        };
        Ok((findings, took))
    }
}

/// Reads a file of JSON that a tool left.
fn left(path: &Path) -> Result<serde_json::Value> {
    let bytes = std::fs::read(path).with_context(|| format!("it left no {}", path.display()))?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(value),
        Err(error) => bail!("{} is no JSON: {error}", path.display()),
    }
}
