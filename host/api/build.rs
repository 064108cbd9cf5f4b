//! Compiles the contract of the gRPC door. The compiler is a crate, so nobody needs protoc.

use std::error::Error;
use std::path::PathBuf;

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["troupe/v1/agent_service.proto"], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // What reflection tells of, comments left out.
    let mut described = files.clone();
    for file in &mut described.file {
        file.source_code_info = None;
    }
    std::fs::write(out.join("agent_service.bin"), described.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(files)?;
    Ok(())
}
