//! Having the host hold what counts as nobody's memory.

#[cfg(target_family = "wasm")]
mod kept {
    use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, OutgoingResponse};

    /// Headers as long as they may be, nearly.
    fn long() -> Fields {
        Fields::from_list(&[("x-long".to_owned(), vec![b'x'; 60_000])]).expect("headers within the limit")
    }

    pub fn answers() -> ! {
        loop {
            std::mem::forget(OutgoingResponse::new(long()));
        }
    }

    pub fn trailers() -> Result<String, String> {
        let request = OutgoingRequest::new(Fields::new());
        let body = request.body().map_err(|()| "no body".to_owned())?;
        let finished = OutgoingBody::finish(body, Some(long()));
        std::mem::forget(request);
        finished.map(|()| "kept".to_owned()).map_err(|error| format!("{error:?}"))
    }
}

/// There is no host to hold anything elsewhere.
#[cfg(not(target_family = "wasm"))]
mod kept {
    pub fn answers() -> ! {
        std::process::abort()
    }

    pub fn trailers() -> Result<String, String> {
        Err("no host".to_owned())
    }
}

pub use kept::{answers, trailers};
