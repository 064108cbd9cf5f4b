//! The `troupe` command, built by the run that tests it.

fn main() -> std::process::ExitCode {
    troupe::main()
}
