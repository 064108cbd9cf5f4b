use troupe_sdk::prelude::*;

#[derive(Default)]
struct Echo;

#[derive(Deserialize, JsonSchema)]
struct EchoInput {
    /// What to say back.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct EchoOutput {
    text: String,
}

#[troupe_sdk::agent]
impl Echo {
    /// Says the text back.
    #[skill(effect = "read")]
    fn echo(&self, input: EchoInput) -> Result<EchoOutput, Failure> {
        Ok(EchoOutput { text: input.text })
    }
}
