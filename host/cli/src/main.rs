//! The `troupe` binary. Everything it does is in the library beside it.

fn main() -> std::process::ExitCode {
    troupe::main()
}
