//! `troupe keygen` and `troupe sign`: whoever vouches for a release says so.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use troupe_core::view::{Page, ReleaseView, SignaturesView};
use troupe_core::{Code, Entropy as _, Error, ReleaseRef, Result, SystemEntropy};
use troupe_package::signature::payload;
use troupe_package::{Archived, Signature, SigningKey, read_archive, write_signed_archive};

use crate::args::{Args, Keygen, Sign};
use crate::client::{Client, segment};
use crate::{output, signing};

/// Makes a key.
pub(crate) fn keygen(args: &Args, command: &Keygen) -> Result<ExitCode> {
    let mut seed = [0; 32];
    SystemEntropy.fill(&mut seed);
    let text = SigningKey::pem_of_seed(&seed);
    let key = SigningKey::from_pem(&text)?;
    let mut public = command.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    signing::write_new(&command.out, &text, 0o600)?;
    signing::write_new(&public, &key.public().to_pem(), 0o644)?;
    let made = json!({ "key": key.public().id(), "private": command.out, "public": public });
    output::answer(args.json, &made, |_| {
        let (id, private, public) = (key.public().id(), command.out.display(), public.display());
        format!(
            "key      {id}\nprivate  {private}\npublic   {public}\nrun `troupe trust add {public} --name NAME --for NAMES` to have a host trust it"
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Signs an archive, a published release or the document of a channel.
pub(crate) async fn run(args: &Args, command: &Sign) -> Result<ExitCode> {
    let path = Path::new(&command.source);
    if path.is_file() {
        return archive(args, command, path);
    }
    if let Some((agent, channel)) = super::documents::meant(&command.source) {
        return super::documents::sign(args, command, &agent, &channel).await;
    }
    let reference: ReleaseRef = command.source.parse().map_err(|_| {
        let message = format!(
            "`{}` is neither a file nor a release, which is written AGENT@VERSION, nor a channel, written AGENT@CHANNEL",
            command.source
        );
        Error::new(Code::RequestInvalid, message)
    })?;
    published(args, command, &reference).await
}

fn archive(args: &Args, command: &Sign, path: &Path) -> Result<ExitCode> {
    let Archived { digest, release, mut signatures } = read_archive(super::publish::read(path)?.as_slice())?;
    let reference = release.manifest.release();
    let made = made(args, command, &payload(&reference, &digest), |key| key.sign(&reference, &digest))?;
    let Some(signature) = made else { return Ok(ExitCode::SUCCESS) };
    signatures.retain(|earlier| earlier.hint.is_none() || earlier.hint != signature.hint);
    signatures.push(signature);
    super::build::replace(path, |out| write_signed_archive(&release, &signatures, out))?;
    let signed = json!({
        "agent": reference.agent, "version": reference.version, "digest": digest, "archive": path,
        "signatures": signatures.len(),
    });
    output::answer(args.json, &signed, |_| {
        let plural = if signatures.len() == 1 { "signature" } else { "signatures" };
        format!("signed {reference}\n{digest}\n{} holds {} {plural}", path.display(), signatures.len())
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn published(args: &Args, command: &Sign, reference: &ReleaseRef) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let agent = format!("/api/v1/agents/{}", segment(reference.agent.as_str()));
    let versions: Page<ReleaseView> = client.get(&format!("{agent}/versions")).await?;
    let found = versions.items.iter().find(|release| release.version == reference.version);
    let Some(digest) = found.map(|release| release.digest) else {
        let message =
            format!("there is no release {reference}; `troupe agents {}` lists its versions", reference.agent);
        return Err(Error::new(Code::ReleaseNotFound, message));
    };
    let made = made(args, command, &payload(reference, &digest), |key| key.sign(reference, &digest))?;
    let Some(signature) = made else { return Ok(ExitCode::SUCCESS) };
    let path = format!("{agent}/versions/{}/signatures", segment(&reference.version.to_string()));
    let view: SignaturesView = client.post(&path, &signing::sent(&signature)).await?;
    output::answer(args.json, &view, |view| {
        let enough = view.why.as_ref().map_or_else(|| "it has the signatures that are wanted".to_owned(), Clone::clone);
        format!("signed {reference}\n{}\n{enough}", view.digest)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The signature that is asked for, of `payload`, which `sign` signs; none if only what to sign
/// was wanted, which is printed then.
pub(super) fn made(
    args: &Args,
    command: &Sign,
    payload: &[u8],
    sign: impl FnOnce(&SigningKey) -> Result<Signature>,
) -> Result<Option<Signature>> {
    if command.payload {
        std::io::stdout().write_all(payload).map_err(Error::internal)?;
        return Ok(None);
    }
    if let Some(path) = &command.signature {
        let text = signing::text(path)?;
        let bytes = STANDARD.decode(text.trim()).map_err(|error| {
            let message = format!("`{}` does not hold a signature in base64", path.display());
            Error::new(Code::RequestInvalid, message).with_cause(error)
        })?;
        return Ok(Some(Signature { payload: payload.to_vec(), bytes, hint: None }));
    }
    let key = signing::key_or_own(command.key.as_deref(), &args.data_dir)?;
    sign(&key.ok_or_else(|| no_key(args))?).map(Some)
}

/// The error where there is nothing to sign with.
pub(super) fn no_key(args: &Args) -> Error {
    let message = format!(
        "there is no key to sign with in `{}`; name one with `--key`, which `troupe keygen` makes",
        args.data_dir.display()
    );
    Error::new(Code::RequestInvalid, message)
}
