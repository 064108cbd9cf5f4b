//! A service on the loopback interface, on a thread of its own: it answers every request with
//! the same short body and keeps the connection.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Bytes of each answer's body.
pub const BODY_BYTES: usize = 1024;

/// Starts the service; returns its port. It ends with the process.
pub fn start() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    Ok(port)
}

/// Answers heads; the requests of the figures have no bodies.
fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
    answer.extend(std::iter::repeat_n('x', BODY_BYTES));
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = connection.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            connection.write_all(answer.as_bytes())?;
        }
    }
}
