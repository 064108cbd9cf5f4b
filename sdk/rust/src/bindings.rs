//! The Rust form of `wit/`, written by wit-bindgen, and the macro that exports an agent.

wit_bindgen::generate!({
    path: "../../wit",
    world: "agent",
    with: { "wasi:io/poll@0.2.12": wasip2::io::poll },
    export_macro_name: "export_agent",
    pub_export_macro: true,
    default_bindings_module: "troupe_sdk::bindings",
});

/// What an agent exports besides, if it brings its state from one form to another.
pub mod migrating {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "migrating",
        with: { "troupe:agent/types@0.1.0": crate::bindings::troupe::agent::types },
        export_macro_name: "export_migrating",
        pub_export_macro: true,
        default_bindings_module: "troupe_sdk::bindings::migrating",
    });
}

/// What an agent exports besides, if it answers in its own words.
pub mod conversing {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "conversing",
        with: { "troupe:agent/types@0.1.0": crate::bindings::troupe::agent::types },
        export_macro_name: "export_conversing",
        pub_export_macro: true,
        default_bindings_module: "troupe_sdk::bindings::conversing",
    });
}
