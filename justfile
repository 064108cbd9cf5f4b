# The verbs that people and CI share. `just` is a convenience: each recipe is a line or two
# that can be typed.

# List the recipes.
default:
    @just --list --unsorted

# Build every agent in a directory, deploy them, serve, and swap them on change.
dev DIR="plugins":
    cargo run -- dev {{ DIR }}

# Run any command of troupe, such as `just run agents`.
[positional-arguments]
@run *ARGS:
    cargo run --quiet -- "$@"

# Build the host as it is shipped.
build:
    cargo build --release

# Run every test that this machine can run.
test:
    cargo test --workspace

# Run unit tests by a part of their path: `just unit journal::pack`.
unit FILTER:
    cargo test --workspace --lib -- {{ FILTER }}

# Run suites by a part of their path: `just suite rest::tasks`.
suite FILTER:
    cargo test --workspace --test suites -- {{ FILTER }}

# Run a fuzz target under cargo-fuzz, which needs a nightly compiler, with the dependencies of the host.
fuzz TARGET SECONDS="60":
    cp Cargo.lock tests/fuzz/Cargo.lock
    mkdir -p tests/fuzz/corpus/{{ TARGET }}
    cargo +nightly fuzz run --fuzz-dir tests/fuzz {{ TARGET }} tests/fuzz/corpus/{{ TARGET }} tests/fuzz/seeds/{{ TARGET }} -- -max_total_time={{ SECONDS }}

# Run the native tests of the agents that the suites call; the suites build them for wasm.
guests:
    cargo test --manifest-path tests/guests/Cargo.toml --target-dir target/guests/native

# Check formatting, lints and dependencies.
check: deny
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Check licences, banned crates and sources (`cargo install cargo-deny` once).
deny:
    cargo deny check bans licenses sources

# Format every crate, the test agents too.
fmt:
    cargo fmt --all
    cargo fmt --all --manifest-path tests/guests/Cargo.toml

# Swap and roll back a thousand times under load; leaves raw data, a plot and a summary in target/swap-proof.
swap-proof SWAPS="1000":
    TROUPE_SWAPS={{ SWAPS }} TROUPE_SWAP_PROOF=target/swap-proof cargo test --workspace --test suites -- swap::under_load --nocapture

# Kill one of three hosts every five seconds, while all are asked, and tell what became of what they had accepted.
kill-proof SECONDS="300" DATABASE="postgres://postgres@127.0.0.1/postgres":
    TROUPE_KILL_PROOF={{ SECONDS }} TROUPE_TEST_POSTGRES={{ DATABASE }} cargo test --workspace --test suites -- cluster::killed --nocapture

# Measure the figures of PROMISES.md beside their references, optimised.
bench *FIGURES:
    cargo run --release -p troupe-bench -- {{ FIGURES }}

# Measure them on the dependencies that tests have built: rougher, and there in a few minutes.
bench-quick *FIGURES:
    cargo --config tests/bench/quick.toml build --workspace --bin bench
    target/debug/bench {{ FIGURES }}

# Hold the agents `aws` and `security` against Prowler, Checkov and Cloud Custodian on one emulated account, such as
# `just peers ../our-terraform`; built as `bench-quick` is.
[positional-arguments]
peers *ARGS:
    cargo --config tests/bench/quick.toml build --workspace --bin peers --bin troupe
    target/debug/peers "$@"

# Start three hosts on one database of PostgreSQL and, if it is named, one bus of NATS, and show them; Ctrl-C stops them.
# Such as `just cluster postgres://postgres@127.0.0.1/troupe nats://127.0.0.1:4222`.
cluster DATABASE BUS="":
    cargo build
    tests/cluster.sh target/debug/troupe {{ DATABASE }} {{ BUS }}

# Print the contract between host and agent.
wit:
    cargo run --quiet -- wit

# Build and open the documentation of the house's own crates.
docs:
    cargo doc --workspace --no-deps --document-private-items --open

# Run what must hold before a change lands, as CI does.
ci:
    .ci/run
