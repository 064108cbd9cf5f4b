//! Misbehaves in one way a skill, so that the tests can show that the host holds.
//!
//! `greed` takes time, memory, stack, handles and host calls without end; `hoard` has the
//! host hold things; `reach` looks for what it should not see and says what it should not
//! say; `streams` and `wait` do not read, finish or end what they began.

mod greed;
mod hoard;
mod reach;
mod streams;
mod wait;

use reach::{Clock, Environment, Text};
use streams::{Asked, Headers, Read, Write, Written};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Hostile;

#[derive(Deserialize, JsonSchema)]
struct Bytes {
    /// How many bytes.
    bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Milliseconds {
    /// How many milliseconds.
    ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Handle {
    /// The number.
    handle: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Printed {
    /// What to print.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Taken {
    bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Bytes64 {
    /// How many bytes, which may be more than a guest can hold.
    bytes: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Path {
    /// The path to open.
    path: String,
}

#[derive(Deserialize, JsonSchema)]
struct Address {
    /// The address to connect to, as `HOST:PORT`.
    addr: String,
}

#[troupe_sdk::agent]
impl Hostile {
    /// Computes for ever.
    #[skill(effect = "read")]
    fn spin(&self) -> Result<(), Failure> {
        greed::spin()
    }

    /// Takes and touches memory until it is refused, which ends the program.
    #[skill(effect = "read")]
    fn grow(&self) -> Result<(), Failure> {
        greed::grow()
    }

    /// Takes and touches memory until it is refused, gives it back and says how much it was.
    #[skill(effect = "read")]
    fn grow_gently(&self) -> Result<Taken, Failure> {
        Ok(Taken { bytes: greed::grow_gently() })
    }

    /// Calls itself for ever.
    #[skill(effect = "read")]
    fn recurse(&self) -> Result<u64, Failure> {
        Ok(greed::recurse(0))
    }

    /// Traps.
    #[skill(effect = "read")]
    fn trap(&self) -> Result<(), Failure> {
        greed::trap()
    }

    /// Panics with a message.
    #[skill(effect = "read")]
    fn panic(&self) -> Result<(), Failure> {
        panic!("a hostile panic")
    }

    /// Reports 10,000 times how far it is, within some seconds, and says how many times.
    #[skill(effect = "read")]
    fn flood_progress(&self) -> Result<u32, Failure> {
        Ok(greed::flood_progress())
    }

    /// Writes 100,000 log records of a kilobyte and says how many.
    #[skill(effect = "read")]
    fn flood_log(&self) -> Result<usize, Failure> {
        Ok(greed::flood_log())
    }

    /// Writes 1,000 of the largest log records and says how many.
    #[skill(effect = "read")]
    fn flood_log_bytes(&self) -> Result<usize, Failure> {
        Ok(greed::flood_log_bytes())
    }

    /// Writes as many line breaks as asked for to standard output.
    #[skill(effect = "read")]
    fn flood_lines(&self, input: Bytes) -> Result<(), Failure> {
        reach::flood_stdout(input.bytes, b'\n').map_err(Failure::failed)
    }

    /// Writes as many bytes as asked for to standard output in one call.
    #[skill(effect = "read")]
    fn print_at_once(&self, input: Bytes) -> Result<(), Failure> {
        greed::print_at_once(input.bytes);
        Ok(())
    }

    /// Fails with details of as many bytes as asked for.
    #[skill(effect = "read")]
    fn huge_details(&self, input: Bytes) -> Result<(), Failure> {
        Err(Failure::failed("a failure with details").with("text", "x".repeat(input.bytes)))
    }

    /// Takes memory until it is refused, gives it back, then asks for as many random bytes
    /// as it is told to.
    #[skill(effect = "read")]
    fn random_after_refusal(&self, input: Bytes64) -> Result<Text, Failure> {
        greed::grow_gently();
        Ok(reach::random(input.bytes))
    }

    /// Writes as many bytes of state as asked for, though its class says that it only
    /// reads, and tells why not.
    #[skill(effect = "read")]
    fn write_state(&self, input: Bytes) -> Result<Text, Failure> {
        Ok(reach::write_state(input.bytes))
    }

    /// Writes a log record that names fields as the host does.
    #[skill(effect = "read")]
    fn forge_note(&self) -> Result<(), Failure> {
        reach::forge_note();
        Ok(())
    }

    /// Answers with as many bytes as asked for.
    #[skill(effect = "read")]
    fn huge_output(&self, input: Bytes) -> Result<String, Failure> {
        Ok("x".repeat(input.bytes))
    }

    /// Asks for the time for ever.
    #[skill(effect = "read")]
    fn host_calls(&self) -> Result<(), Failure> {
        greed::host_calls()
    }

    /// Takes handles for ever and gives none back.
    #[skill(effect = "read")]
    fn handles(&self) -> Result<(), Failure> {
        greed::handles()
    }

    /// Tells the environment variables and arguments it can see.
    #[skill(effect = "read")]
    fn environment(&self) -> Result<Environment, Failure> {
        Ok(reach::environment())
    }

    /// Tries to read a file and tells the text or the error.
    #[skill(effect = "read")]
    fn open_file(&self, input: Path) -> Result<Text, Failure> {
        Ok(reach::open_file(&input.path))
    }

    /// Tries to connect and tells the peer or the error.
    #[skill(effect = "read")]
    fn connect(&self, input: Address) -> Result<Text, Failure> {
        Ok(reach::connect(&input.addr))
    }

    /// Asks for as many random bytes as it is told to in one call, and tells the first
    /// sixteen in hexadecimal.
    #[skill(effect = "read")]
    fn random(&self, input: Bytes64) -> Result<Text, Failure> {
        Ok(reach::random(input.bytes))
    }

    /// Writes terminal escapes, line breaks, bytes that are no text and a line without an
    /// end to standard output and standard error.
    #[skill(effect = "read")]
    fn stdout(&self) -> Result<(), Failure> {
        reach::stdout().map_err(Failure::failed)
    }

    /// Writes as many bytes as asked for to standard output, without a line break.
    #[skill(effect = "read")]
    fn flood_stdout(&self, input: Bytes) -> Result<(), Failure> {
        reach::flood_stdout(input.bytes, b'x').map_err(Failure::failed)
    }

    /// Tells how far the clocks go while it computes and while it sleeps.
    #[skill(effect = "read")]
    fn clock(&self) -> Result<Clock, Failure> {
        Ok(reach::clock())
    }

    /// Makes answers with the longest headers for ever, though nobody asked it anything.
    #[skill(effect = "read")]
    fn hoard_answers(&self) -> Result<(), Failure> {
        hoard::answers()
    }

    /// Ends the body of a request that it never sends with the longest trailers, and tells
    /// what came of it.
    #[skill(effect = "read")]
    fn hoard_trailers(&self) -> Result<Text, Failure> {
        Ok(Text::of(hoard::trailers()))
    }

    /// Matches `(a+)+b` against as many `a` as asked for, by trying every way.
    #[skill(effect = "read")]
    fn backtrack(&self, input: Bytes) -> Result<bool, Failure> {
        Ok(greed::backtrack(&vec![b'a'; input.bytes]))
    }

    /// Sleeps.
    #[skill(effect = "read")]
    fn sleep(&self, input: Milliseconds) -> Result<(), Failure> {
        std::thread::sleep(std::time::Duration::from_millis(input.ms));
        Ok(())
    }

    /// Prints a line and writes it as a log record.
    #[skill(effect = "read")]
    fn print(&self, input: Printed) -> Result<(), Failure> {
        println!("{}", input.text);
        log::write(log::Level::Info, &input.text, &[("text".to_owned(), input.text.clone())]);
        Ok(())
    }

    /// Waits for the answer to a request that it never ends.
    #[skill(effect = "read")]
    fn wait_for_itself(&self) -> Result<(), Failure> {
        wait::for_itself();
        Ok(())
    }

    /// Waits for one timer, as often at once as asked for.
    #[skill(effect = "read")]
    fn wait_for_many(&self, input: Bytes) -> Result<usize, Failure> {
        Ok(wait::for_many(input.bytes))
    }

    /// Uses a handle that it was never given.
    #[skill(effect = "read")]
    fn forge_handle(&self, input: Handle) -> Result<bool, Failure> {
        Ok(wait::forged(input.handle))
    }

    /// Uses a handle of one kind as one of another.
    #[skill(effect = "read")]
    fn mistake_handle(&self) -> Result<bool, Failure> {
        Ok(wait::mistaken())
    }

    /// Asks a service and reads the answer, when it likes.
    #[skill(effect = "read")]
    fn read(&self, input: Asked) -> Result<Read, Failure> {
        Ok(streams::read(&input))
    }

    /// Writes zeroes.
    #[skill(effect = "read")]
    fn write(&self, input: Write) -> Result<Written, Failure> {
        Ok(streams::write(&input))
    }

    /// Puts headers together.
    #[skill(effect = "read")]
    fn headers(&self, input: Headers) -> Result<usize, Failure> {
        Ok(streams::headers(&input))
    }
}
