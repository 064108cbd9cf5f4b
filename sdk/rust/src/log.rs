//! Notes for the operator: one record a call, with named fields beside the sentence.
//!
//! ```
//! # use troupe_sdk::log;
//! let (region, found) = ("eu-west-1", 7);
//! log::info!("found {found} instances", region = region, page = 1);
//! log::warn!("the region answers slowly");
//! ```

use crate::backend;

/// How much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Step-by-step detail.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What happened.
    Info,
    /// Something unexpected that did no harm.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one record. Records past the host's rate limit are dropped and counted.
pub fn write(level: Level, message: impl AsRef<str>, fields: &[(String, String)]) {
    backend::write_log(level, message.as_ref(), fields);
}

/// Writes one record of a level: a format string that takes variables by name, then
/// `field = value` pairs whose values are `Display`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_record {
    ($level:ident, $message:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            ::std::format!($message),
            &[$((::std::string::ToString::to_string(::core::stringify!($field)), ::std::string::ToString::to_string(&$value))),*],
        )
    };
}

macro_rules! levels {
    ($d:tt $($(#[$doc:meta])* $name:ident $hidden:ident $level:ident;)*) => {
        $(
            #[doc(hidden)]
            #[macro_export]
            macro_rules! $hidden {
                ($d($d part:tt)*) => { $crate::__log_record!($level, $d($d part)*) };
            }
            $(#[$doc])*
            #[doc(inline)]
            pub use $hidden as $name;
        )*
    };
}

levels! { $
    /// Writes step-by-step detail: `trace!("message", field = value)`.
    trace __log_trace Trace;
    /// Writes what helps to find a fault: `debug!("message", field = value)`.
    debug __log_debug Debug;
    /// Writes what happened: `info!("message", field = value)`.
    info __log_info Info;
    /// Writes something unexpected that did no harm: `warn!("message", field = value)`.
    warn __log_warn Warn;
    /// Writes something that failed: `error!("message", field = value)`.
    error __log_error Error;
}
