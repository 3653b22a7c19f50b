//! Generates the service without a contract file.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::Empty")
            .output_type("crate::Empty")
            .codec_path("tonic_prost::ProstCodec")
    };
    let service = Service::builder()
        .name("Limit")
        .package("limit")
        .method(method("unary", "Unary").build())
        .method(method("echo", "Echo").client_streaming().server_streaming().build())
        .build();
    Builder::new().build_client(false).compile(&[service]);
}
