//! The outside of the admission child: starts it, feeds it, bounds it, believes nothing
//! but well-formed words.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use troupe_core::{Code, Error, Result, limits};

use super::child::Verdict;
use super::{Admission, Admitted};

/// Machine code is larger than the component it comes from, by less than this factor.
const CODE_GROWTH_MAX: usize = 20;

/// Admission in a child process.
#[derive(Debug)]
pub struct ChildAdmission {
    program: PathBuf,
    argument: String,
    time: Duration,
}

impl ChildAdmission {
    /// Admission by `program argument`, whose `main` calls [`super::child_main`].
    pub fn new(program: PathBuf, argument: impl Into<String>) -> Self {
        Self { program, argument: argument.into(), time: limits::ADMISSION_TIME_MAX }
    }

    /// The same with another time that one compile may take, whatever it computes meanwhile.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    async fn converse(&self, component: &[u8]) -> std::io::Result<Result<Admitted>> {
        let mut child = Command::new(&self.program)
            .arg(&self.argument)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("the child has no pipes"));
        };
        let feed = async move {
            // A child that has seen enough closes its end; its verdict says why.
            let _ = stdin.write_all(component).await;
            let _ = stdin.shutdown().await;
        };
        let code_bytes_max = component.len().saturating_mul(CODE_GROWTH_MAX).saturating_add(64 << 20);
        let listen = async {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            let line_max = limits::PROFILE_BYTES_MAX as u64 * 3;
            (&mut stdout).take(line_max).read_until(b'\n', &mut line).await?;
            let Ok(verdict) = serde_json::from_slice::<Verdict>(&line) else {
                return Ok(Err(exhausted()));
            };
            match verdict {
                Verdict::Bad { code, message } => {
                    Ok(Err(Error::new(Code::parse(&code).unwrap_or(Code::ArtifactMalformed), message)))
                }
                Verdict::Good { code_bytes, .. } if code_bytes > code_bytes_max => Ok(Err(exhausted())),
                Verdict::Good { profile, code_bytes } => {
                    let mut code = Vec::with_capacity(code_bytes);
                    stdout.take(code_bytes as u64).read_to_end(&mut code).await?;
                    if code.len() < code_bytes {
                        return Ok(Err(exhausted()));
                    }
                    Ok(Ok(Admitted { profile, code }))
                }
            }
        };
        let ((), answer) = tokio::join!(feed, listen);
        let _ = child.wait().await;
        answer
    }
}

#[async_trait]
impl Admission for ChildAdmission {
    async fn admit(&self, component: Vec<u8>) -> Result<Admitted> {
        match tokio::time::timeout(self.time, self.converse(&component)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(Error::internal(error)),
            // The child is killed with the conversation.
            Err(_) => {
                let message = format!("the component could not be checked within {} s", self.time.as_secs());
                Err(Error::new(Code::ArtifactCompileLimit, message))
            }
        }
    }
}

/// The child ended without a verdict: it ran into its limits.
fn exhausted() -> Error {
    Error::new(
        Code::ArtifactCompileLimit,
        format!(
            "the component could not be checked within {} s of processor time and {} of memory",
            limits::ADMISSION_COMPUTE_MAX.as_secs(),
            limits::bytes(limits::ADMISSION_MEMORY_BYTES_MAX)
        ),
    )
}
