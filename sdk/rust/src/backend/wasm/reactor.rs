//! Who waits for which of the host's pollables.
//!
//! A future that must wait leaves its pollable here. When nothing else is left to do,
//! [`deliver`] asks the host for the next completion and wakes the future it belongs to.
//! A pollable is never asked whether it is ready: what counts is the host's delivery.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasip2::io::poll::{self, Pollable};

thread_local! {
    static WAITING: RefCell<Vec<Rc<Waiting>>> = const { RefCell::new(Vec::new()) };
}

struct Waiting {
    pollable: Pollable,
    delivered: Cell<bool>,
    waker: RefCell<Waker>,
}

/// A future that is done when its pollable was delivered.
pub struct Delivered(Rc<Waiting>);

impl Delivered {
    pub fn new(pollable: Pollable) -> Self {
        let waiting = Waiting { pollable, delivered: Cell::new(false), waker: RefCell::new(Waker::noop().clone()) };
        let waiting = Rc::new(waiting);
        WAITING.with_borrow_mut(|all| all.push(Rc::clone(&waiting)));
        Self(waiting)
    }
}

impl Future for Delivered {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.delivered.get() {
            return Poll::Ready(());
        }
        self.0.waker.borrow_mut().clone_from(context.waker());
        Poll::Pending
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|all| all.retain(|waiting| !Rc::ptr_eq(waiting, &self.0)));
    }
}

/// Waits for the next completion and wakes whoever waits for it.
pub fn deliver() {
    let waiting: Vec<Rc<Waiting>> = WAITING.with_borrow(Clone::clone);
    #[expect(clippy::panic, reason = "waiting for nothing would never end; the message goes to the log")]
    if waiting.is_empty() {
        panic!("the agent waits for something that nothing under way will bring about");
    }
    let pollables: Vec<&Pollable> = waiting.iter().map(|waiting| &waiting.pollable).collect();
    let ready = poll::poll(&pollables);
    let ready: Vec<usize> = ready.into_iter().filter_map(|index| usize::try_from(index).ok()).collect();
    for waiting in ready.iter().filter_map(|index| waiting.get(*index)) {
        waiting.delivered.set(true);
        WAITING.with_borrow_mut(|all| all.retain(|other| !Rc::ptr_eq(other, waiting)));
        waiting.waker.borrow().wake_by_ref();
    }
}
