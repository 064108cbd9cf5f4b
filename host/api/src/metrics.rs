//! `/metrics`, in the Prometheus text format.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use troupe_core::{Error, Result};

/// Prints what was measured.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Metrics {
    pub(crate) fn print(&self) -> String {
        self.0.render()
    }
}

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// How often what was measured is sorted into its buckets. Until then every measurement is
/// kept by itself: at 10,000 a second, less than a megabyte.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts to measure, once for the process.
///
/// # Errors
/// [`troupe_core::Code::Internal`] if somebody else measures already.
pub fn install_metrics() -> Result<Metrics> {
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS).map_err(Error::internal)?;
    let printer = builder.install_recorder().map_err(Error::internal)?;
    count_panics();
    let upkeep = printer.clone();
    tokio::spawn(async move {
        let mut turn = tokio::time::interval(UPKEEP);
        loop {
            turn.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(Metrics(printer))
}

/// Counts panics wherever they happen, whether or not somebody catches them: each is a fault
/// of the host. The counter stands at 0 until then.
fn count_panics() {
    ::metrics::counter!("troupe_panics_total").absolute(0);
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        ::metrics::counter!("troupe_panics_total").increment(1);
        tell(panic);
    }));
}
