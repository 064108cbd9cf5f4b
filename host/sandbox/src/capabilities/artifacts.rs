//! `artifacts`: what a task leaves beside its output. Everything goes through the gate; this file only translates.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::refusal::refusal;
use crate::bindings::troupe::agent::artifacts::{CapabilityError, Host, HostWriter, Info};
use crate::context::Context;
use crate::gate::{Answer, ArtifactsAnswer, ArtifactsCall, Call, Writing};

type Answered<T> = Result<std::result::Result<T, CapabilityError>>;

impl Host for Context {
    async fn create(&mut self, name: String, media_type: String) -> Answered<Resource<Writing>> {
        let call = ArtifactsCall::Create { name: name.clone(), media_type: media_type.clone() };
        Ok(match self.gate.pass(Call::Artifacts(call)).await? {
            Answer::Artifacts(ArtifactsAnswer::Created) => {
                let writing = self.gate.begin_artifact(name, media_type).await?;
                Ok(self.table.push(writing)?)
            }
            other => Err(refusal(other)),
        })
    }
}

impl HostWriter for Context {
    async fn write(&mut self, writer: Resource<Writing>, bytes: Vec<u8>) -> Answered<()> {
        let gate = self.gate.clone();
        let writing = self.table.get_mut(&writer)?;
        Ok(gate.write_artifact(writing, bytes).await?.map_or(Ok(()), |answer| Err(refusal(answer))))
    }

    async fn finish(&mut self, writer: Resource<Writing>) -> Answered<Info> {
        let writing = self.table.delete(writer)?;
        let name = writing.name().to_owned();
        Ok(match self.gate.finish_artifact(writing).await? {
            Answer::Artifacts(ArtifactsAnswer::Finished { size, digest }) => {
                Ok(Info { name, size, digest: digest.to_string() })
            }
            other => Err(refusal(other)),
        })
    }

    async fn drop(&mut self, writer: Resource<Writing>) -> Result<()> {
        let writing = self.table.delete(writer)?;
        self.gate.let_go_of_artifact(&writing);
        Ok(())
    }
}
