//! Compiles the protocol files with protox, so that building needs no `protoc`.
//!
//! `publisher.v1` is the wire format. Its descriptor set (`publisher.v1.bin`) is used for reflection and for
//! the check against breaking changes.

#[path = "build/linked.rs"]
mod linked;
#[path = "build/version.rs"]
mod version;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use protox::prost::Message;
use protox::prost_reflect::prost_types::FileDescriptorSet;

const ROOT: &str = "proto";
const WIRE: &str = "proto/publisher/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    // The folder too, so that a new file triggers a build.
    println!("cargo:rerun-if-changed={ROOT}");
    let version = version::of(
        &fs::canonicalize(env::var("CARGO_MANIFEST_DIR")?)?,
        &env::var("CARGO_PKG_VERSION")?,
        Path::new("git"),
    );
    version.depends_on.iter().for_each(|path| println!("cargo:rerun-if-changed={}", path.display()));
    println!("cargo:rustc-env=MEMBERBASE_VERSION={}", version.text);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    compile_wire(&out)?;
    make_smaller(&out)?;
    Ok(())
}

/// Makes the released program smaller, as far as its linker can.
fn make_smaller(out: &Path) -> Result<(), Box<dyn Error>> {
    let (host, target) = (env::var("HOST")?, env::var("TARGET")?);
    let compiler = linked::Compiler {
        rustc: env::var_os("RUSTC").ok_or("cargo names no rustc")?,
        target: (host != target).then_some(target),
        linker: env::var("RUSTC_LINKER").ok(),
        flags: env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default(),
    };
    if env::var("PROFILE")? == "release" {
        let arguments = linked::SMALLER.into_iter();
        arguments
            .filter(|argument| linked::works(&compiler, argument, out))
            .for_each(|argument| println!("cargo:rustc-link-arg-bins={argument}"));
    }
    Ok(())
}

fn compile_wire(out: &Path) -> Result<(), Box<dyn Error>> {
    let files = compile(WIRE)?;
    fs::write(out.join("publisher.v1.bin"), without_source_info(files.clone()).encode_to_vec())?;
    // Ordered maps: the fingerprint of a request must not depend on the order in which its fields were
    // hashed.
    tonic_prost_build::configure()
        .codec_path("crate::api::grpc::codec::WireCodec")
        .btree_map(".")
        // A piece of a file is not copied out of its message.
        .bytes(".publisher.v1.SyncMembersRequest.data")
        // Boxed, so that thousands of results without a member do not take the memory of one each.
        .boxed(".publisher.v1.BatchGetResult.member")
        .compile_fds(files)?;
    Ok(())
}

/// Compiles every proto file of a folder and its imports. Comments become the documentation of the generated
/// code.
fn compile(folder: &str) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    // The order of files in a folder differs between file systems; the descriptor set must not.
    paths.sort();
    for path in &paths {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(paths)?;
    Ok(compiler.file_descriptor_set())
}

fn without_source_info(mut files: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut files.file {
        file.source_code_info = None;
    }
    files
}
