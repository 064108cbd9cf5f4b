//! A way to a host that stays where it is: a host that is started again listens elsewhere, and
//! connections on the way to it break.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::Host;

/// A relay; it ends with the test.
#[derive(Debug)]
pub struct Relay {
    /// Where it is, as `--host` has it.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The address of the host; none while there is no host, since another may have its address then.
    to: Mutex<Option<String>>,
    /// How many are led now.
    led: AtomicUsize,
    cut: Notify,
    turned_away: Notify,
}

impl Relay {
    /// Starts one that leads to a host.
    pub async fn start(host: &Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            to: Mutex::new(Some(address(host))),
            led: AtomicUsize::new(0),
            cut: Notify::new(),
            turned_away: Notify::new(),
        });
        let leading = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(lead(connection, Arc::clone(&leading)));
            }
        });
        Self { url, shared }
    }

    /// Leads to a host where it is now, or nowhere.
    pub fn leads_to(&self, host: Option<&Host>) {
        *self.shared.to.lock().expect("no panic while held") = host.map(address);
    }

    /// Waits until somebody was turned away since nobody was when this was asked last.
    pub async fn turned_away(&self) {
        self.shared.turned_away.notified().await;
    }

    /// Waits until somebody is led to the host.
    pub async fn is_used(&self) {
        self.leads(|led| led > 0).await;
    }

    /// Breaks every connection.
    pub async fn cut(&self) {
        self.shared.cut.notify_waiters();
        self.leads(|led| led == 0).await;
    }

    async fn leads(&self, wanted: impl Fn(usize) -> bool) {
        while !wanted(self.shared.led.load(Ordering::SeqCst)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn address(host: &Host) -> String {
    host.client().url.strip_prefix("http://").expect("a plain address").to_owned()
}

/// Passes on what either says to the other; who cannot be led anywhere is let go.
async fn lead(mut near: TcpStream, shared: Arc<Shared>) {
    let cut = shared.cut.notified();
    let to = shared.to.lock().expect("no panic while held").clone();
    let Some(to) = to else {
        shared.turned_away.notify_one();
        return;
    };
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    shared.led.fetch_add(1, Ordering::SeqCst);
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        () = cut => {}
    }
    shared.led.fetch_sub(1, Ordering::SeqCst);
}
