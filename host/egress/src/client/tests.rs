//! The client against scripted servers on the loopback interface.

mod caps;
mod reach;
mod reuse;
mod server;
mod tls;
mod wire;
