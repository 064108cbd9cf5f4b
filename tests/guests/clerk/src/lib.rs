//! Quotes prices and takes orders. One component is many releases: what it does otherwise
//! than the first stands in the configuration of a release's manifest, so it is the
//! release's and not the input's.

use std::hint::black_box;

use troupe_sdk::prelude::*;

/// Rounds of thinking that a quote takes.
const ROUNDS: u32 = 3_000_000;

/// Bytes that a quote works on.
const BYTES: usize = 1 << 20;

/// Of how many items the wrong release quotes one wrongly.
const WRONG_EACH: u64 = 50;

#[derive(Default)]
struct Clerk;

/// What a release is given to.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Habit {
    /// Does what it should.
    Plain,
    /// Quotes every fiftieth item wrongly.
    Wrong,
    /// Asks somebody else first.
    Stranger,
    /// Holds more memory.
    Greedy,
    /// Thinks three times as long.
    Slow,
    /// Traps.
    Trapping,
    /// Orders when it is asked for a quote.
    Eager,
    /// Does not ask for the price.
    Forgetful,
    /// Looks at what was ordered first.
    Curious,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Configuration {
    habit: Habit,
    /// The service that knows prices and takes orders.
    authority: String,
}

#[derive(Deserialize, JsonSchema)]
struct Item {
    number: u64,
}

#[derive(Serialize, JsonSchema)]
struct Quote {
    number: u64,
    price: u64,
    /// What the service said.
    said: String,
}

#[derive(Serialize, JsonSchema)]
struct Ordered {
    count: u64,
}

#[derive(Serialize, JsonSchema)]
struct Stock {
    items: Vec<u64>,
}

/// Thinks for so many rounds about so many bytes.
fn think(rounds: u32, bytes: usize) -> u64 {
    let desk = black_box(vec![7_u8; bytes]);
    let mut thought = 0_u64;
    for round in 0..rounds {
        let byte = desk.get(round as usize % bytes).copied().unwrap_or(0);
        thought = black_box(thought.wrapping_mul(31).wrapping_add(byte.into()));
    }
    thought
}

fn ask(configuration: &Configuration, path: &str) -> Result<String, Failure> {
    let url = format!("http://{}{path}", configuration.authority);
    Ok(http::get(&url).send().wait()?.text()?.to_owned())
}

#[troupe_sdk::agent(configuration = Configuration)]
impl Clerk {
    /// Quotes the price of an item.
    #[skill(effect = "write")]
    fn quote(&self, input: Item) -> Result<Quote, Failure> {
        let configuration: Configuration = invocation::configuration()?;
        let habit = configuration.habit;
        let rounds = if habit == Habit::Slow { 3 * ROUNDS } else { ROUNDS };
        let bytes = if habit == Habit::Greedy { 8 * BYTES } else { BYTES };
        black_box(think(rounds, bytes));
        match habit {
            Habit::Trapping => panic!("nobody expects this"),
            Habit::Stranger => {
                let _ = http::get("http://prices.example.com/v1/price").send().wait();
            }
            Habit::Eager => {
                let _ = http::post(format!("http://{}/v1/orders", configuration.authority)).send().wait();
            }
            Habit::Curious => {
                let _ = state::get("ordered");
            }
            _ => {}
        }
        let said = match habit {
            Habit::Forgetful => String::new(),
            _ => ask(&configuration, &format!("/v1/prices/{}", input.number))?,
        };
        let is_wrong = habit == Habit::Wrong && input.number.is_multiple_of(WRONG_EACH);
        let price = 100 + input.number + u64::from(is_wrong);
        Ok(Quote { number: input.number, price, said })
    }

    /// Orders an item, and counts it.
    #[skill(effect = "write")]
    fn order(&self, input: Item) -> Result<Ordered, Failure> {
        let configuration: Configuration = invocation::configuration()?;
        let url = format!("http://{}/v1/orders/{}", configuration.authority, input.number);
        http::post(&url).send().wait()?;
        let count = state::increment("ordered", 1)?;
        Ok(Ordered { count: u64::try_from(count).map_err(Failure::failed)? })
    }

    /// Lists what there is, and fails: there never is anything.
    #[skill(effect = "read")]
    fn stock(&self) -> Result<Stock, Failure> {
        Err(Failure::failed("there is nothing"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_sdk::test::{self, Host};

    use super::*;

    #[test]
    fn there_is_no_stock() {
        let _host = Host::start().configuration(json!({ "habit": "plain", "authority": "127.0.0.1:80" }));
        assert!(test::perform::<Clerk>("stock", json!({})).is_err());
    }

    #[test]
    fn thinking_takes_what_it_takes() {
        assert_eq!(think(10, 10), think(10, 20));
    }
}
