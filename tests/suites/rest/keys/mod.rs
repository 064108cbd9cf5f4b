//! API keys.

mod give;
mod see;
