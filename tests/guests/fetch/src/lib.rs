//! Sends whatever request it is told to, in any spelling, and tells what came of it.
//!
//! It speaks to `wasi:http` itself, since the SDK would not let it misspell.

#[cfg(target_family = "wasm")]
mod memory;
#[cfg(target_family = "wasm")]
mod send;

use troupe_sdk::prelude::*;

/// Which release this is, so that a test can have two that do different things.
const VERSION: Option<&str> = option_env!("TROUPE_GUEST_VERSION");

#[derive(Default)]
struct Fetch;

/// One request.
#[derive(Debug, Deserialize, JsonSchema)]
struct Asked {
    #[serde(default = "get")]
    method: String,
    #[serde(default = "https")]
    scheme: String,
    authority: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// Sends so many bytes instead of `body`.
    #[serde(default)]
    body_bytes: usize,
    /// Writes the body before the request is sent, in pieces of so many bytes.
    #[serde(default)]
    early_bytes: usize,
}

fn get() -> String {
    "GET".to_owned()
}

fn https() -> String {
    "https".to_owned()
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Requests {
    /// All are begun before any is waited for.
    requests: Vec<Asked>,
    /// Hashes of what to search the memory for afterwards, each of eight bytes.
    #[serde(default)]
    pieces: Vec<String>,
    /// How long to wait after each, where they go one by one; in milliseconds.
    #[serde(default)]
    pause_ms: u64,
    /// How long to wait before anything is done about what was begun.
    #[serde(default)]
    wait_ms: u64,
    /// How often to abandon all requests; once if not said.
    #[serde(default)]
    times: usize,
    /// Whether what is abandoned is kept until the end.
    #[serde(default)]
    keep: bool,
    /// Secrets to ask references of. `{NAME}` in a path, header or body stands for one.
    #[serde(default)]
    secrets: Vec<String>,
    /// What to print afterwards, as a line of the log.
    #[serde(default)]
    print: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Trade {
    /// The service that has the stock and takes orders.
    authority: String,
}

/// What came of one request.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Came {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// The body, if it is short.
    body: String,
    body_bytes: usize,
    /// The error code, as the bindings spell it.
    error: Option<String>,
    /// The text of an internal error.
    sentence: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct All {
    answers: Vec<Came>,
    /// How many of the pieces were found in this program's own memory.
    found: usize,
    /// The order in which answers were delivered.
    order: Vec<usize>,
    /// The references that were given, or why none was.
    references: Vec<String>,
}

impl Requests {
    /// Writes references where they are named; returns them.
    fn write_references(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for name in &self.secrets {
            let reference = match secrets::reference(name) {
                Ok(reference) => reference.to_string(),
                Err(error) => {
                    told.push(error.to_string());
                    continue;
                }
            };
            let named = format!("{{{name}}}");
            for asked in &mut self.requests {
                asked.path = asked.path.replace(&named, &reference);
                asked.body = asked.body.replace(&named, &reference);
                for (_, value) in &mut asked.headers {
                    *value = value.replace(&named, &reference);
                }
            }
            told.push(reference);
        }
        told
    }
}

#[troupe_sdk::agent]
impl Fetch {
    /// Sends requests, all at once.
    #[skill(effect = "destructive")]
    fn fetch(&self, input: Requests) -> Result<All, Failure> {
        Ok(perform(input))
    }

    /// Writes the bodies of requests that are never sent.
    #[skill(effect = "destructive")]
    fn hoard(&self, input: Requests) -> Result<usize, Failure> {
        Ok(hoard(input))
    }

    /// Sends requests one by one and returns the status of each, 0 where there is none.
    #[skill(effect = "destructive")]
    fn one_by_one(&self, input: Requests) -> Result<Vec<u16>, Failure> {
        let mut statuses = Vec::new();
        for asked in input.requests {
            let one = Requests { requests: vec![asked], ..Requests::default() };
            statuses.extend(perform(one).answers.iter().map(|came| came.status.unwrap_or(0)));
            time::sleep(std::time::Duration::from_millis(input.pause_ms)).wait();
        }
        Ok(statuses)
    }

    /// Sends requests one by one and returns each answer whole.
    #[skill(effect = "destructive")]
    fn one_by_one_whole(&self, mut input: Requests) -> Result<Vec<Came>, Failure> {
        input.write_references();
        let one = |asked| Requests { requests: vec![asked], ..Requests::default() };
        let came = input.requests.into_iter().flat_map(|asked| perform(one(asked)).answers).collect();
        println!("{}", input.print);
        log::info!("said", text = input.print);
        Ok(came)
    }

    /// Looks at a stock, orders, keeps how much it ordered and reads that back; returns what it
    /// was told. Its second release asks for the price first, orders more, and does not ask
    /// for a receipt.
    #[skill(effect = "destructive")]
    fn trade(&self, input: Trade) -> Result<Vec<String>, Failure> {
        let second = VERSION == Some("2.0.0");
        let ask = |method: &str, path: &str, body: &str| {
            let explain = ("troupe-explain".to_owned(), "true".to_owned());
            let (method, scheme) = (method.to_owned(), "http".to_owned());
            let (path, body) = (path.to_owned(), body.to_owned());
            let (headers, authority) = (vec![explain], input.authority.clone());
            let asked = Asked { method, scheme, authority, path, headers, body, body_bytes: 0, early_bytes: 0 };
            let all = perform(Requests { requests: vec![asked], ..Requests::default() });
            all.answers.into_iter().map(|came| came.sentence.unwrap_or(came.body)).collect::<String>()
        };
        let mut told = Vec::new();
        if second {
            told.push(ask("GET", "/v1/price", ""));
        }
        let count = if second { "2" } else { "1" };
        told.push(ask("GET", "/v1/stock?of=nails&at=home", ""));
        told.push(ask("POST", "/v1/orders", count));
        state::set("ordered", count)?;
        let kept = state::get("ordered")?.map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
        told.push(kept.unwrap_or_default());
        if !second {
            told.push(ask("GET", "/v1/receipt", ""));
        }
        Ok(told)
    }

    /// Begins requests and ends without waiting for the answer of any.
    #[skill(effect = "destructive")]
    fn abandon(&self, input: Requests) -> Result<usize, Failure> {
        Ok(abandon(input))
    }
}

#[cfg(target_family = "wasm")]
fn perform(mut input: Requests) -> All {
    let references = input.write_references();
    let (answers, order) = send::all(&input.requests, input.wait_ms);
    All { answers, order, references, found: memory::search(&input.pieces) }
}

#[cfg(target_family = "wasm")]
fn abandon(input: Requests) -> usize {
    let mut kept = Vec::new();
    let mut begun = 0;
    for _ in 0..input.times.max(1) {
        let futures = send::begin(&input.requests);
        begun += futures.len();
        send::wait(input.wait_ms);
        if input.keep {
            kept.push(futures);
        }
    }
    begun
}

#[cfg(not(target_family = "wasm"))]
fn perform(mut input: Requests) -> All {
    All {
        references: input.write_references(),
        answers: input.requests.iter().map(|_| Came::default()).collect(),
        found: input.pieces.len() + input.times + usize::from(input.keep) + input.wait_ms as usize,
        order: Vec::new(),
    }
}

#[cfg(target_family = "wasm")]
fn hoard(input: Requests) -> usize {
    send::hoard(&input.requests)
}

#[cfg(not(target_family = "wasm"))]
fn hoard(input: Requests) -> usize {
    input.requests.len()
}

#[cfg(not(target_family = "wasm"))]
fn abandon(input: Requests) -> usize {
    input.requests.len()
}
