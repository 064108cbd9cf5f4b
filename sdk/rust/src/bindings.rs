//! The Rust form of `wit/`, written by wit-bindgen, and the macro that exports an agent.

wit_bindgen::generate!({
    path: "../../wit",
    world: "agent",
    export_macro_name: "export_agent",
    pub_export_macro: true,
    default_bindings_module: "troupe_sdk::bindings",
});
